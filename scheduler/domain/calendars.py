"""What opens and closes together: the law, our windows and the no-call days for one policy and one place.

A calendar is made once for each (policy, place) and kept. Its layers are shared between the policies and
places that agree on them, so a million leads cost a few hundred calendars.
"""

from __future__ import annotations

from functools import lru_cache

from scheduler.domain import rules
from scheduler.domain.dayparts import DAYPARTS
from scheduler.domain.localtime import day_from_text, weekday_of
from scheduler.domain.model import Cap, NoCallDay, Place, Policy, Range, Week, Why
from scheduler.domain.openings import Openings, by_local_day, outside_local_days, overlap
from scheduler.domain.time import Ms

RULES_NAMES = ("us", "none")

Layer = tuple[str, Openings]
"""The rule of `why[]` that it stands for, and when it is open."""

_KEPT = 20_000
_calendars: dict[tuple[Policy, Place, bool], Calendar] = {}


class Calendar:
    """Open times of one policy in one place.

    `open`: when calls may be placed; `layers`: what it is made of, each for itself; `parts`: `open` within
    each daypart; `caps`: legal ones and the account's, and `cap_refs`: what to cite for each; `zones`: where
    our windows are read, the first of them, `zone`, being the one whose days are counted.
    """

    __slots__ = (
        "cap_refs",
        "caps",
        "cited",
        "kept",
        "layers",
        "open",
        "parts",
        "place",
        "policy",
        "zone",
        "zones",
    )

    def __init__(self, policy: Policy, place: Place, after_hours: bool) -> None:
        self.policy = policy
        self.place = place
        self.zones = place.own_zones or (policy.zone,)
        self.zone = self.zones[0]
        self.layers = _layers(policy, place, self.zones, after_hours)
        self.open = _overlap_of(tuple(openings for _, openings in self.layers))
        self.parts = tuple(
            _overlap_of((self.open, _daypart(index, self.zones))) for index in range(len(DAYPARTS))
        )
        capped = _caps(policy, place)
        self.caps = tuple(cap for cap, _ in capped)
        self.cap_refs = tuple(ref for _, ref in capped)
        # texts of `why[]`, for `reasons`: many leads wait for the same opening
        self.cited: dict[tuple[str, int], tuple[str, str]] = {}
        self.kept: dict[Ms, tuple[Why, ...]] = {}


def calendar_of(policy: Policy, place: Place, after_hours: bool = False) -> Calendar:
    """The calendar of leads in `place`; `after_hours` leaves our own windows out, never the law.

    Raises ValueError for a policy that names rules nobody knows.
    """
    key = (policy, place, after_hours)
    calendar = _calendars.get(key)
    if calendar is None:
        if len(_calendars) >= _KEPT:
            _calendars.clear()
        calendar = _calendars[key] = Calendar(policy, place, after_hours)
    return calendar


def law_zones(place: Place) -> tuple[str, ...]:
    """The zones in which a legal window must hold: all candidates, and those whose clock a law names."""
    return tuple(sorted({*place.zones, *rules.load().clock_zones(place.regions)}))


def _layers(policy: Policy, place: Place, zones: tuple[str, ...], after_hours: bool) -> tuple[Layer, ...]:
    if policy.rules not in RULES_NAMES:
        raise ValueError(f"unknown rules: choose one of {', '.join(RULES_NAMES)}")
    layers: list[Layer] = []
    if policy.rules != "none":
        layers.append(
            ("statutory_window", _law(law_zones(place), place.regions, policy.voice, policy.strict))
        )
    if not after_hours:
        layers.append(("dialer_window", _windows(policy.windows, zones)))
    if policy.no_call_days or not layers:
        layers.append(("no_call_day", _clear_days(policy.no_call_days, zones)))
    return tuple(layers)


@lru_cache(maxsize=20_000)
def _overlap_of(sources: tuple[Openings, ...]) -> Openings:
    return overlap(sources)


@lru_cache(maxsize=10_000)
def _law(zones: tuple[str, ...], regions: tuple[str, ...], voice: str, strict: bool) -> Openings:
    book = rules.load()

    def hours(day: int) -> tuple[Range, ...]:
        found = book.hours_of_all(regions, voice, strict, day)
        return (Range(*found),) if found else ()

    return by_local_day(zones, hours) if zones else Openings(lambda _from, _until: ())


@lru_cache(maxsize=10_000)
def _windows(week: Week, zones: tuple[str, ...]) -> Openings:
    return by_local_day(zones, lambda day: week[weekday_of(day)])


@lru_cache(maxsize=10_000)
def _clear_days(days: tuple[NoCallDay, ...], zones: tuple[str, ...]) -> Openings:
    return outside_local_days(zones, frozenset(day_from_text(day.date) for day in days))


@lru_cache(maxsize=1_000)
def _daypart(index: int, zones: tuple[str, ...]) -> Openings:
    hours = (DAYPARTS[index].hours,)
    return by_local_day(zones, lambda _day: hours)


def _caps(policy: Policy, place: Place) -> tuple[tuple[Cap, str], ...]:
    legal = rules.caps_for(place.regions, policy.voice) if policy.rules != "none" else ()
    return (*legal, *((cap, "account") for cap in policy.frequency_caps))
