"""Times of day as minutes: which half of the day "3" is in, where "after 5pm" ends, how late "late" is."""

from __future__ import annotations

import msgspec

from scheduler.domain.callback_said import Clock, Said, Unclear
from scheduler.domain.model import Range

DAYTIME = Range(8 * 60, 19 * 60)
"""The business day: what "Friday" means, and where a bare hour lies."""

LATEST_MIN = 21 * 60
"""Where "after 5pm" ends: nobody means the night."""

_SHADES = {"early": (0.0, 0.5), "mid": (0.25, 0.75), "late": (0.5, 1.0)}


class Hours(msgspec.Struct, frozen=True):
    """Minutes of a local day, how sure they are, and whether one time was named (`point`)."""

    start_min: int
    end_min: int
    confidence: float
    point: bool = False


def hours_meant(said: Said) -> Hours:
    """The hours that were named, in the half of the day that their part or the business day decides."""
    part = _part_hours(said)
    reach = said.part.reach if said.part else None
    if said.exact is not None:
        if said.after or said.before:
            raise Unclear("two different times")
        minute = _resolve(said.exact, reach)
        sure = 0.95 if said.exact.sure or reach else 0.85
        if said.about:
            return Hours(max(minute - 15, 0), min(minute + 15, 24 * 60), sure - 0.1)
        return Hours(minute, min(minute + 5, 24 * 60), sure, point=True)
    if said.after is not None and said.before is not None:
        start_min, end_min = _both(said.after, said.before, reach)
        sure = 0.9 if (said.after.sure and said.before.sure) or reach else 0.8
        return Hours(start_min, end_min, sure)
    if said.after is not None:
        start_min = _resolve(said.after, reach)
        end_min = part.end_min if part else LATEST_MIN
        if start_min >= end_min:
            end_min = min(start_min + 60, 24 * 60)
        return Hours(start_min, end_min, 0.8 if said.after.sure or reach else 0.7)
    if said.before is not None:
        end_min = _resolve(said.before, reach)
        start_min = part.start_min if part else DAYTIME.start_min
        if start_min >= end_min:
            start_min = max(end_min - 60, 0)
        if start_min == end_min:
            raise Unclear("a time before the day begins")
        return Hours(start_min, end_min, 0.8 if said.before.sure or reach else 0.7)
    assert part is not None  # one of the four was said
    return Hours(part.start_min, part.end_min, 0.8)


def _part_hours(said: Said) -> Range | None:
    if said.part is None:
        return None
    hours = said.part.hours
    if said.shade is None:
        return hours
    length = hours.end_min - hours.start_min
    start, end = _SHADES[said.shade]
    return Range(hours.start_min + int(start * length), hours.start_min + int(end * length))


def _resolve(clock: Clock, reach: Range | None) -> int:
    """The minute of the day. Raises Unclear when it is in no part that was named."""
    choices = (clock.minute,) if clock.sure else (clock.minute, clock.minute + 720)
    if reach is None:
        if clock.sure:
            return clock.minute
        return next(minute for minute in choices if DAYTIME.start_min <= minute < DAYTIME.start_min + 720)
    for minute in choices:
        if reach.start_min <= minute < reach.end_min:
            return minute
    raise Unclear("a time that is not in that part of the day")


def _both(after: Clock, before: Clock, reach: Range | None) -> tuple[int, int]:
    """A range: the half of the day said for one end decides the other."""
    if after.sure or not before.sure:
        start_min = _resolve(after, reach)
        ends = (before.minute,) if before.sure else (before.minute, before.minute + 720)
        end_min = next((minute for minute in ends if minute > start_min), None)
    else:
        end_min = _resolve(before, reach)
        starts = (after.minute + 720, after.minute)
        found = next((minute for minute in starts if minute < end_min), None)
        start_min, end_min = (found, end_min) if found is not None else (end_min, None)
    if end_min is None:
        raise Unclear("a range that ends before it starts")
    return start_min, end_min
