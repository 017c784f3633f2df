"""Smart calling: dense at first, thinner as days pass, each minute drawn at random inside a daypart.

Day 1 is the day of the first attempt where the lead is. What does not fit into a day is not carried over.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from scheduler.domain.case import Case
from scheduler.domain.dayparts import DAYPARTS, index_at
from scheduler.domain.localtime import day_start, minute_of
from scheduler.domain.model import AttemptKind, Why
from scheduler.domain.placement import Fit, Wish, has_room
from scheduler.domain.time import HOUR, MINUTE, Ms

LEAST_GAP: Ms = 2 * HOUR
"""Between two attempts of one day after the first day, however near their dayparts lie."""

LAST_ROOM: Ms = HOUR // 2
"""Kept free at the end of a day for its last attempt."""

FIRST_DAY_GAP: tuple[Ms, Ms] = (50 * MINUTE, 70 * MINUTE)
"""Between the attempts of a first day that has them about an hour apart."""

SEARCH_DAYS = 38
"""Looked through for a next attempt: thirty without an opening, and a week's pause before them."""


class Pace(NamedTuple):
    """How days up to `until_day` go: how many attempts each, every how many days, `gap_ms` apart at least
    (None: about an hour), and whether two of a day lie in dayparts that follow one another."""

    until_day: float
    attempts: int
    every_days: int = 1
    gap_ms: Ms | None = LEAST_GAP
    pairs: bool = False


INTENSITIES: dict[str, tuple[Pace, ...]] = {
    "aggressive": (Pace(1, 3, gap_ms=None), Pace(10, 2, pairs=True), Pace(inf, 1)),
    "moderate": (Pace(1, 3, gap_ms=None), Pace(4, 2), Pace(11, 1), Pace(inf, 1, every_days=7)),
    "conservative": (
        Pace(1, 2, gap_ms=4 * HOUR),
        Pace(4, 1),
        Pace(14, 1, every_days=3),
        Pace(inf, 1, every_days=7),
    ),
}
_RHYTHMS = {1: "{} on this day", 3: "every third day", 7: "one a week"}


def smart(case: Case) -> Iterator[Wish]:
    """Day by day from the last attempt on: what the day still allows, in the dayparts tried least.

    Raises ValueError for an intensity that does not exist.
    """
    paces = INTENSITIES.get(case.policy.intensity)
    if paces is None:
        raise ValueError(f"unknown intensity: choose one of {', '.join(INTENSITIES)}")
    if not case.loop.history:
        yield case.first_wish()
        return
    zone = case.calendar.zone
    days = [case.day_of(at_ms) for at_ms in case.loop.history]
    today = max(case.day_of(case.ended_ms), case.day_of(case.limits.now_ms))
    for day in range(today, today + SEARCH_DAYS):
        number = day - days[0] + 1
        pace = next(pace for pace in paces if number <= pace.until_day)
        used = days.count(day)
        if used >= pace.attempts or (pace.every_days > 1 and day - days[-1] < pace.every_days):
            continue
        if not has_room(case.calendar, None, day_start(zone, day), day_start(zone, day + 1)):
            continue
        if pace.every_days > 1:
            yield from _in_dayparts(case, day, number, pace, (*case.parts(), None))
        elif pace.gap_ms is None:
            yield _about_an_hour_later(case, day)
        else:
            yield from _in_dayparts(case, day, number, pace, _parts_left(case, day, pace))


def _about_an_hour_later(case: Case, day: int) -> Wish:
    shortest_ms, longest_ms = FIRST_DAY_GAP
    wait_ms = shortest_ms + int(case.fraction("hour") * (longest_ms - shortest_ms))
    at_ms = max(case.ended_ms + wait_ms, case.retry_ms)
    used = len(case.loop.history)
    return Wish(
        at_ms,
        AttemptKind.CADENCE,
        case.loop.step,
        Why("strategy", "set", None, at_ms, f"day 1, attempt {used + 1}: about an hour later", "smart"),
        until_ms=day_start(case.calendar.zone, day + 1),
        blocked="no further attempt fits into day 1",
    )


def _parts_left(case: Case, day: int, pace: Pace) -> tuple[int | None, ...]:
    """Dayparts for the next attempt of the day, best first: one that leaves a later one for what is still to
    come, and none that the day has had already. None stands for any time of a day whose hours lie in no part
    (own windows at night, or zones so far apart that no part of the day is the same in all)."""
    zone, history = case.calendar.zone, case.loop.history
    had = [index_at(minute_of(zone, at_ms)) for at_ms in history if case.day_of(at_ms) == day]
    from_ms, until_ms = _stretch(case, day, pace)
    from_ms = max(from_ms, case.limits.free_ms)
    still_open = [part for part in range(len(DAYPARTS)) if has_room(case.calendar, part, from_ms, until_ms)]
    if not still_open and not had:
        return (None,)
    later = [part for part in still_open if not had or part > max(had)]
    wanted = pace.attempts - len(had)
    early = later[: max(1, len(later) - wanted + 1)]
    if pace.pairs and had:
        early = later[:1]  # morning and afternoon, or afternoon and evening
    order = case.parts()
    return tuple(sorted(later, key=lambda part: (part not in early, order.index(part))))


def _in_dayparts(
    case: Case, day: int, number: int, pace: Pace, parts: tuple[int | None, ...]
) -> Iterator[Wish]:
    from_ms, until_ms = _stretch(case, day, pace)
    early_ms = _leaving_room(case, day, pace, from_ms, until_ms)
    rhythm = _RHYTHMS[pace.every_days].format(pace.attempts)
    for part in parts:
        text = f"day {number}, {rhythm}" + (f", in the {DAYPARTS[part].name}" if part is not None else "")
        why = Why("strategy", "set", None, from_ms, text, "smart")
        early = early_ms < until_ms and has_room(case.calendar, part, from_ms, early_ms)
        yield Wish(
            from_ms,
            AttemptKind.CADENCE,
            case.loop.step,
            why,
            fit=Fit.UNIFORM,
            until_ms=early_ms if early else until_ms,
            part=part,
        )


def _leaving_room(case: Case, day: int, pace: Pace, from_ms: Ms, until_ms: Ms) -> Ms:
    """Until when an attempt may be, so that one which is to follow on this day finds room before closing."""
    had = sum(case.day_of(at_ms) == day for at_ms in case.loop.history)
    if pace.attempts - had < 2:
        return until_ms
    open_today = case.calendar.open.between(from_ms, until_ms)
    closes_ms = open_today[-1][1] if open_today else until_ms
    last_ms = closes_ms - (pace.gap_ms or LEAST_GAP) - LAST_ROOM
    return min(until_ms, last_ms) if last_ms > from_ms else until_ms


def _stretch(case: Case, day: int, pace: Pace) -> tuple[Ms, Ms]:
    """The part of the day in which the next attempt may be."""
    zone = case.calendar.zone
    from_ms = max(day_start(zone, day), case.ended_ms + (pace.gap_ms or LEAST_GAP), case.retry_ms)
    return from_ms, day_start(zone, day + 1)
