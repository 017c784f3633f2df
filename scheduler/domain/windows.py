"""Our own windows: weekly open hours as the API writes them, and as the planner reads them."""

from __future__ import annotations

import re
from typing import Any

from scheduler.domain.localtime import MINUTES_OF_DAY, minute_text
from scheduler.domain.model import Range, Week
from scheduler.errors import SettingsError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_BUSINESS_DAY = (Range(9 * 60, 18 * 60),)
BUSINESS_WEEK: Week = (_BUSINESS_DAY,) * 5 + ((), ())
"""The default: Monday to Friday, 09:00 to 18:00."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


def week_from_api(obj: Any) -> Week:
    """A week from `{mon: {enabled, ranges: [{start, end}]}, …, sun}`; a day absent or not enabled is closed.

    Times are HH:MM, an end may be 24:00. Ranges are sorted; touching ones become one.
    Raises SettingsError for an unknown day, a time that is none, a range that ends before it starts or
    crosses midnight, and ranges that overlap.
    """
    if not isinstance(obj, dict):
        raise _refused("windows are not an object", "write {mon: {enabled, ranges: [{start, end}]}, …}")
    unknown = set(obj) - set(DAYS)
    if unknown:
        raise _refused("windows have an unknown day", f"days are {', '.join(DAYS)}")
    return tuple(_day_from_api(day, obj.get(day)) for day in DAYS)


def week_to_api(week: Week) -> dict[str, Any]:
    """The inverse of `week_from_api`."""
    return {
        day: {
            "enabled": bool(ranges),
            "ranges": [{"start": minute_text(r.start_min), "end": minute_text(r.end_min)} for r in ranges],
        }
        for day, ranges in zip(DAYS, week, strict=True)
    }


def _day_from_api(day: str, obj: Any) -> tuple[Range, ...]:
    if obj is None:
        return ()
    if not isinstance(obj, dict) or not isinstance(obj.get("ranges", []), list):
        raise _refused(f"windows of {day} have no ranges", "write {enabled, ranges: [{start, end}]}")
    ranges: list[Range] = []
    for found in sorted((_range_from_api(day, part) for part in obj.get("ranges", [])), key=_start_of):
        if ranges and found.start_min < ranges[-1].end_min:
            raise _refused(f"windows of {day} overlap", "give each minute to one range")
        if ranges and found.start_min == ranges[-1].end_min:
            found = Range(ranges.pop().start_min, found.end_min)
        ranges.append(found)
    return tuple(ranges) if obj.get("enabled", True) else ()


def _range_from_api(day: str, obj: Any) -> Range:
    if not isinstance(obj, dict):
        raise _refused(f"a range of {day} is not an object", "write {start, end}")
    start_min, end_min = _minute(day, obj.get("start")), _minute(day, obj.get("end"))
    if start_min >= end_min:
        raise _refused(
            f"a range of {day} ends before it starts",
            "hours over midnight are two ranges: one to 24:00, one on the next day from 00:00",
        )
    return Range(start_min, end_min)


def _minute(day: str, text: Any) -> int:
    if not isinstance(text, str) or not _CLOCK.fullmatch(text):
        raise _refused(f"a range of {day} has a time that is none", "write 09:00, at most 24:00")
    minute = int(text[:2]) * 60 + int(text[3:])
    assert minute <= MINUTES_OF_DAY
    return minute


def _start_of(part: Range) -> int:
    return part.start_min


def _refused(what: str, do: str) -> SettingsError:
    return SettingsError(what, "weekly windows are read day by day in local time", do)
