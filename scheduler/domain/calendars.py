"""What opens and closes together: the law, our windows, closures and no-call days for one policy and place.

A calendar is made once for each (policy, place) and kept. Its layers are shared between the policies and
places that agree on them, so a million leads cost a few hundred calendars.
"""

from __future__ import annotations

from functools import lru_cache

from scheduler.domain import rules
from scheduler.domain.dayparts import DAYPARTS
from scheduler.domain.localtime import date_text, day_from_text, weekday_of
from scheduler.domain.model import Cap, Closure, NoCallDay, Place, Policy, Range, Week, Why
from scheduler.domain.openings import Interval, Openings, by_local_day, outside, outside_local_days, overlap
from scheduler.domain.rules import Rules
from scheduler.domain.time import Ms

Layer = tuple[str, Openings]
"""The rule of `why[]` that it stands for, and when it is open."""

_KEPT = 20_000
_calendars: dict[tuple[Policy, Place, bool], Calendar] = {}


class Calendar:
    """Open times of one policy in one place.

    `open`: when calls may be placed; `layers`: what it is made of, each for itself; `parts`: `open` within
    each daypart; `caps`: legal ones and the account's, and `cap_refs`: what to cite for each; `zones`: where
    our windows are read, the first of them, `zone`, being the one whose days are counted; `book`: the calling
    rules, if any; `closures` and `no_call_days`: those that concern the place.
    """

    __slots__ = (
        "book",
        "cap_refs",
        "caps",
        "cited",
        "closures",
        "kept",
        "layers",
        "no_call_days",
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
        self.book = rules.named(policy.rules)
        self.closures = tuple(each for each in policy.closures if _concerns(each.regions, place))
        self.no_call_days = tuple(day for day in policy.no_call_days if _concerns(day.regions, place))
        self.layers = self._layers(after_hours)
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

    def _layers(self, after_hours: bool) -> tuple[Layer, ...]:
        policy = self.policy
        layers: list[Layer] = []
        law = self._law()
        if law:
            layers.append(("statutory_window", _overlap_of(law)))
        if not after_hours:
            layers.append(("dialer_window", _windows(policy.windows, self.zones)))
        cadence = policy.cadence if policy.strategy == "cadence" else None
        if cadence is not None and cadence.windows is not None:
            layers.append(("cadence_window", _windows(cadence.windows, self.zones)))
        if self.no_call_days or not layers:
            layers.append(("no_call_day", _clear_days(self.no_call_days, self.zones)))
        return tuple(layers)

    def _law(self) -> tuple[Openings, ...]:
        """The hours of the rules, and the orders that close the place, which count like law."""
        found: list[Openings] = []
        if self.book is not None:
            place, policy = self.place, self.policy
            zones = law_zones(place, self.book)
            found.append(_law(policy.rules, zones, place.regions, policy.voice, policy.strict))
        if self.closures:
            found.append(_outside_closures(self.closures))
        return tuple(found)


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


def law_zones(place: Place, book: Rules) -> tuple[str, ...]:
    """The zones in which a legal window must hold: all candidates, and those whose clock a law names."""
    return tuple(sorted({*place.zones, *book.clock_zones(place.regions)}))


def _concerns(regions: tuple[str, ...], place: Place) -> bool:
    """Whether something that holds in `regions` (none: everywhere) counts where the place may be. A country
    stands for its states; where only the country is known, each of its states may be meant."""
    return not regions or any(
        region == candidate or candidate.startswith(f"{region}-") or region.startswith(f"{candidate}-")
        for region in regions
        for candidate in place.regions
    )


@lru_cache(maxsize=20_000)
def _overlap_of(sources: tuple[Openings, ...]) -> Openings:
    return overlap(sources)


@lru_cache(maxsize=10_000)
def _law(name: str, zones: tuple[str, ...], regions: tuple[str, ...], voice: str, strict: bool) -> Openings:
    book = rules.named(name)
    assert book is not None  # asked only where there are rules

    def hours(day: int) -> tuple[Range, ...]:
        found = book.hours_of_all(regions, voice, strict, day)
        return (Range(*found),) if found else ()

    return by_local_day(zones, hours) if zones else Openings(lambda _from, _until: ())


@lru_cache(maxsize=1_000)
def _outside_closures(closures: tuple[Closure, ...]) -> Openings:
    gaps: tuple[Interval, ...] = tuple((each.from_ms, each.until_ms) for each in closures)
    return outside(gaps)


@lru_cache(maxsize=10_000)
def _windows(week: Week, zones: tuple[str, ...]) -> Openings:
    return by_local_day(zones, lambda day: week[weekday_of(day)])


@lru_cache(maxsize=10_000)
def _clear_days(days: tuple[NoCallDay, ...], zones: tuple[str, ...]) -> Openings:
    once = frozenset(day_from_text(day.date) for day in days)
    yearly = frozenset(day.date[5:] for day in days if day.yearly)
    return outside_local_days(
        zones, lambda day: day in once or (bool(yearly) and date_text(day)[5:] in yearly)
    )


@lru_cache(maxsize=1_000)
def _daypart(index: int, zones: tuple[str, ...]) -> Openings:
    hours = (DAYPARTS[index].hours,)
    return by_local_day(zones, lambda _day: hours)


def _caps(policy: Policy, place: Place) -> tuple[tuple[Cap, str], ...]:
    legal = rules.caps_for(place.regions, policy.voice, policy.rules)
    return (*legal, *((cap, "account") for cap in policy.frequency_caps))
