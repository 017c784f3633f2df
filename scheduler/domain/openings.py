"""Open times as disjoint intervals, worked out week by week and kept, so that asking is a bisection.

`Openings` is one source of open times (the law, our windows, a daypart …) or the overlap of several. Answers
do not depend on what was asked before: weeks are fixed stretches of UTC time, and an interval belongs to the
week it ends in. Only one that goes on for days is cut where a week begins.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import reduce

from scheduler.domain.localtime import day_of, day_start, opening_and_closing
from scheduler.domain.model import Range
from scheduler.domain.time import DAY, Ms

Interval = tuple[Ms, Ms]
"""Half-open: the first instant that is open, the first that is not."""

DayRanges = Callable[[int], Iterable[Range]]
"""The open ranges of a local day."""

_WEEK: Ms = 7 * DAY
_MONDAY: Ms = 4 * DAY  # 1970-01-05, 00:00 UTC
_EDGE: Ms = 2 * DAY
_NEVER: tuple[tuple[Ms, ...], tuple[Ms, ...]] = ((), ())


class Openings:
    """Open times, from a function that gives those which meet a stretch of time, in order and disjoint."""

    def __init__(self, build: Callable[[Ms, Ms], Sequence[Interval]]) -> None:
        self._build = build
        self._weeks: dict[int, tuple[tuple[Ms, ...], tuple[Ms, ...]]] = {}

    def first(self, from_ms: Ms, until_ms: Ms, room_ms: Ms = 1) -> tuple[Ms, Ms, Ms] | None:
        """The first instant in [from, until) that is open for `room_ms` more, with its interval's ends."""
        number = (from_ms - _MONDAY) // _WEEK
        while True:
            starts, ends = self._weeks.get(number) or self._week(number)
            for index in range(bisect_right(ends, from_ms), len(ends)):
                at_ms = max(starts[index], from_ms)
                if at_ms >= until_ms:
                    return None
                if at_ms + room_ms <= ends[index]:
                    return at_ms, starts[index], ends[index]
            number += 1
            # what ends in a later week may have begun up to two days before that week
            if number * _WEEK + _MONDAY - _EDGE >= until_ms:
                return None

    def last(self, at_ms: Ms, from_ms: Ms, room_ms: Ms = 1) -> Interval | None:
        """The latest instant in [from, at] that is open for `room_ms` more, after the start of its interval
        (or `from`, where it began before): (start, instant)."""
        for start_ms, end_ms in reversed(self.between(from_ms, at_ms + room_ms)):
            latest_ms = min(end_ms - room_ms, at_ms)
            if latest_ms >= start_ms:
                return start_ms, latest_ms
        return None

    def at(self, at_ms: Ms) -> Interval | None:
        """The interval that contains the instant."""
        found = self.first(at_ms, at_ms + 1)
        return found[1:] if found else None

    def between(self, from_ms: Ms, until_ms: Ms) -> list[Interval]:
        """All intervals that meet [from, until), cut to it; where one touches the next they are one."""
        found: list[Interval] = []
        number = (from_ms - _MONDAY) // _WEEK
        while number * _WEEK + _MONDAY - _EDGE < until_ms:
            for start_ms, end_ms in zip(*(self._weeks.get(number) or self._week(number)), strict=True):
                start_ms, end_ms = max(start_ms, from_ms), min(end_ms, until_ms)
                if start_ms < end_ms:
                    if found and found[-1][1] == start_ms:
                        start_ms = found.pop()[0]
                    found.append((start_ms, end_ms))
            number += 1
        return found

    def _week(self, number: int) -> tuple[tuple[Ms, ...], tuple[Ms, ...]]:
        start_ms = number * _WEEK + _MONDAY
        end_ms = start_ms + _WEEK
        found = self._build(start_ms - _EDGE, end_ms + _EDGE)
        own = [part for interval in found for part in _cut(interval, (start_ms, end_ms))]
        own = [(a, b) for a, b in own if start_ms < b <= end_ms]
        week = (tuple(a for a, _ in own), tuple(b for _, b in own)) if own else _NEVER
        self._weeks[number] = week
        return week


def overlap(sources: Sequence[Openings]) -> Openings:
    """Open where all of `sources` (one at least) are."""
    if len(sources) == 1:
        return sources[0]
    return Openings(lambda a, b: reduce(intersect, (source.between(a, b) for source in sources)))


def by_local_day(zones: Sequence[str], ranges_of: DayRanges) -> Openings:
    """Open where the clock in every one of `zones` (one at least) stands in a range of its day."""

    def build(from_ms: Ms, until_ms: Ms) -> Sequence[Interval]:
        return reduce(intersect, (_in_zone(zone, ranges_of, from_ms, until_ms) for zone in zones))

    return Openings(build)


def outside_local_days(zones: Sequence[str], closed: Callable[[int], bool]) -> Openings:
    """Open where it is no `closed` day in any of `zones`."""

    def build(from_ms: Ms, until_ms: Ms) -> Sequence[Interval]:
        found: list[Interval] = [(from_ms, until_ms)]
        for zone in zones:
            for day in range(day_of(zone, from_ms), day_of(zone, until_ms) + 1):
                if closed(day):
                    gap = day_start(zone, day), day_start(zone, day + 1)
                    found = intersect(found, _around(gap, from_ms, until_ms))
        return found

    return Openings(build)


def outside(gaps: Sequence[Interval]) -> Openings:
    """Open but for these stretches of time, in any order."""

    def build(from_ms: Ms, until_ms: Ms) -> Sequence[Interval]:
        found: list[Interval] = [(from_ms, until_ms)]
        for gap in gaps:
            found = intersect(found, _around(gap, from_ms, until_ms))
        return found

    return Openings(build)


def intersect(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """Where both are open."""
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start_ms, end_ms = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start_ms < end_ms:
            found.append((start_ms, end_ms))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return found


def _around(gap: Interval, from_ms: Ms, until_ms: Ms) -> Sequence[Interval]:
    """What a gap leaves of [from, until)."""
    return (
        (min(from_ms, gap[0]) - 1, gap[0]),
        (gap[1], max(until_ms, gap[1]) + 1),
    )


def _in_zone(zone: str, ranges_of: DayRanges, from_ms: Ms, until_ms: Ms) -> list[Interval]:
    found: list[Interval] = []
    for day in range(day_of(zone, from_ms), day_of(zone, until_ms) + 1):
        for part in ranges_of(day):
            start_ms, end_ms = opening_and_closing(zone, day, part.start_min, part.end_min)
            start_ms, end_ms = max(start_ms, from_ms), min(end_ms, until_ms)
            if start_ms < end_ms:
                if found and found[-1][1] >= start_ms:
                    start_ms = found.pop()[0]
                found.append((start_ms, end_ms))
    return found


def _cut(interval: Interval, edges: tuple[Ms, Ms]) -> Iterable[Interval]:
    """Cut at the edges of a week what reaches two days past one, on either side: both weeks see the same."""
    start_ms, end_ms = interval
    for edge_ms in edges:
        if start_ms < edge_ms < end_ms and (start_ms <= edge_ms - _EDGE or end_ms >= edge_ms + _EDGE):
            yield start_ms, edge_ms
            start_ms = edge_ms
    yield start_ms, end_ms
