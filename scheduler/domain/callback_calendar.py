"""Named days on a calendar: which dates "next Tuesday", "Dec 3rd" and "the end of the month" are."""

from __future__ import annotations

import msgspec

from scheduler.domain.callback_said import Day, Later, OnDate, Said, Span, Unclear, Weekday
from scheduler.domain.localtime import date_from_day, day_from_text, day_of, weekday_of
from scheduler.domain.time import Ms

FARTHEST = 366
"""Days: nobody is promised a call later than that."""


class Stretch(msgspec.Struct, frozen=True):
    """Days from `first` to `last`, both included, and how sure that is. `relative`: named by its distance."""

    first: int
    last: int
    confidence: float
    relative: bool


def days_meant(said: Said, zone: str, now_ms: Ms) -> Stretch | None:
    """The days that were named, None when none was. Raises Unclear for two that differ, or have passed."""
    today = day_of(zone, now_ms)
    if said.span is not None:
        if said.same_time and said.span.unit == "week" and said.span.part == "whole" and not said.days:
            day = today + 7 * said.span.ahead
            return Stretch(day, day, 1.0, True)
        return _span(said.span, said.days, today)
    if not said.days:
        return None
    found = [_day(day, today) for day in said.days]
    days = {day for day, _ in found}
    if len(days) > 1:
        raise Unclear("two different days")
    (day,) = days
    if day < today:
        raise Unclear("a day that has passed")
    if day > today + FARTHEST:
        raise Unclear("a time more than a year ahead")
    relative = any(isinstance(day, Later) for day in said.days)
    return Stretch(day, day, max(confidence for _, confidence in found), relative)


def _day(day: Day, today: int) -> tuple[int, float]:
    if isinstance(day, Later):
        return today + day.days, 1.0
    if isinstance(day, Weekday):
        return _weekday(day, today)
    return _date(day, today)


def _weekday(day: Weekday, today: int) -> tuple[int, float]:
    """ "next Friday" said before Friday is the one of next week to most and the coming one to some."""
    monday = today - weekday_of(today)
    nearest = today + ((day.index - weekday_of(today)) % 7 or 7)
    if day.which == "this":
        return monday + day.index, 0.95
    if day.which in ("next", "following"):
        meant = monday + 7 + day.index
        sure = day.which == "following" or meant == nearest
        return meant, 1.0 if sure else 0.6
    return nearest, 0.7 if nearest == today + 7 and not day.which else 1.0


def _date(day: OnDate, today: int) -> tuple[int, float]:
    now = date_from_day(today)
    if day.month is not None and day.year is not None:
        found = _number(day.year, day.month, day.day)
        if found is None:
            raise Unclear("a date that no calendar has")
        return found, 1.0
    if day.month is not None:
        years = (now.year, now.year + 1)
        dates = [_number(year, day.month, day.day) for year in years]
        if day.day > 31 or (dates == [None, None] and (day.month, day.day) != (2, 29)):
            raise Unclear("a date that no calendar has")
    else:
        months = [(now.year + (now.month - 1 + k) // 12, (now.month - 1 + k) % 12 + 1) for k in range(3)]
        dates = [_number(year, month, day.day) for year, month in months]
    coming = [date for date in dates if date is not None and date >= today]
    if not coming:
        raise Unclear("a date that does not come within a year")
    return coming[0], 1.0 if coming[0] - today < 180 else 0.8


def _number(year: int, month: int, day: int) -> int | None:
    try:
        return day_from_text(f"{year:04d}-{month:02d}-{day:02d}")
    except ValueError:
        return None


def _span(span: Span, days: list[Day], today: int) -> Stretch:
    if days:
        return _weekday_of_week(span, days, today)
    weekday = weekday_of(today)
    monday = today - weekday
    if span.unit == "week":
        first, last = _part(monday + 7 * span.ahead, monday + 7 * span.ahead + 4, span.part)
        confidence = 0.5 if span.part == "whole" else 0.65
    elif span.unit == "weekend":
        if span.part != "whole":
            raise Unclear("a part of a weekend: name the day")
        saturday = monday + 5 + 7 * span.ahead
        first, last = saturday, saturday + 1
        confidence = 0.4 if span.ahead and weekday < 5 else 0.6
    else:
        now = date_from_day(today)
        months = now.year * 12 + now.month - 1 + span.ahead
        first_day = _number(months // 12, months % 12 + 1, 1)
        next_first = _number((months + 1) // 12, (months + 1) % 12 + 1, 1)
        assert first_day is not None
        assert next_first is not None
        first, last = _part(first_day, next_first - 1, span.part)
        confidence = 0.4 if span.part == "whole" else 0.65
    if last < today:
        raise Unclear(f"a part of this {span.unit} that has passed")
    return Stretch(max(first, today), last, confidence, False)


def _part(first: int, last: int, part: str) -> tuple[int, int]:
    """The first or last two days of a working week, three of a month; the days about the middle of either."""
    size = 1 if last - first < 7 else 2
    if part == "start":
        return first, first + size
    if part == "end":
        return last - size, last
    if part == "middle":
        middle = (first + last) // 2
        return middle - 1, middle + 1
    return first, last


def _weekday_of_week(span: Span, days: list[Day], today: int) -> Stretch:
    """ "next week on Tuesday" """
    monday = today - weekday_of(today) + 7 * span.ahead
    (day, *others) = days
    if span.unit != "week" or span.part != "whole" or others or not isinstance(day, Weekday) or day.which:
        raise Unclear("a day and a stretch of days")
    found = monday + day.index
    if found < today:
        raise Unclear("a day that has passed")
    return Stretch(found, found, 1.0, False)
