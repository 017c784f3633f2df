"""Days on which some states forbid calls: listed dates, and the rules that give the years not listed.

Rule syntax (explained in the data file): fixed:MM-DD, nth:M:WD:N, last:M:WD, after:M:WD:N:D, easter:D,
election:all|even, before:MM-DD, utjun. Both sources count: a date that either names is a holiday.
"""

from __future__ import annotations

import msgspec
from whenever import Date, Weekday

from scheduler.domain.localtime import date_from_day, day_from_date, day_from_text, weekday_of


class HolidayRule(msgspec.Struct, frozen=True):
    label: str
    rule: str


class ListedDate(msgspec.Struct, frozen=True):
    date: str
    label: str


class HolidayCalendar(msgspec.Struct, frozen=True):
    """`observance`: when a fixed date on a weekend is kept as well. sunmon: Sunday's on Monday;
    satfri_sunmon: Saturday's on Friday too; weekend_next_weekday: on the next weekday that is free."""

    rules: tuple[HolidayRule, ...]
    dates: tuple[ListedDate, ...]
    observance: str


class Holidays:
    """The holidays of one calendar, by day, worked out year by year."""

    def __init__(self, calendar: HolidayCalendar) -> None:
        self._calendar = calendar
        self._listed = {day_from_text(entry.date): entry.label for entry in calendar.dates}
        self._years: dict[int, dict[int, str]] = {}

    def label_of(self, day: int) -> str | None:
        """The holiday's name, or None on an ordinary day."""
        if day in self._listed:
            return self._listed[day]
        year = date_from_day(day).year
        # an observed day may fall into the year before its holiday
        return self._year(year).get(day) or self._year(year + 1).get(day)

    def _year(self, year: int) -> dict[int, str]:
        if year not in self._years:
            self._years[year] = days_by_rule(self._calendar, year)
        return self._years[year]


def days_by_rule(calendar: HolidayCalendar, year: int) -> dict[int, str]:
    """Every holiday that the rules give for `year`, observed days included: day -> label."""
    days: dict[int, str] = {}
    fixed: dict[int, str] = {}
    for entry in calendar.rules:
        day = _day_of_rule(entry.rule, year)
        if day is not None:
            days[day] = entry.label
            if entry.rule.startswith("fixed:"):
                fixed[day] = entry.label
    for day, label in sorted(fixed.items()):
        observed = _observed(calendar.observance, day, days)
        if observed is not None:
            days.setdefault(observed, f"{label} (observed)")
    return days


def _day_of_rule(rule: str, year: int) -> int | None:
    kind, _, rest = rule.partition(":")
    parts = rest.split(":")
    match kind:
        case "fixed":
            return _month_day(year, rest)
        case "nth":
            return _nth(year, *map(int, parts))
        case "after":
            month, weekday, n, later = map(int, parts)
            return _nth(year, month, weekday, n) + later
        case "last":
            month, weekday = map(int, parts)
            last = day_from_date(Date(year, month, 1).add(months=1)) - 1
            return last - (weekday_of(last) - weekday) % 7
        case "easter":
            return _easter(year) + int(rest)
        case "election":
            return _nth(year, 11, 0, 1) + 1 if rest == "all" or year % 2 == 0 else None
        case "before":
            eve = _month_day(year, rest) - 1
            return eve - weekday_of(eve)
        case "utjun":
            day = _month_day(year, "06-19")
            weekday = weekday_of(day)
            return day - weekday if weekday < 5 else day + 7 - weekday
    raise ValueError(f"unknown holiday rule: {rule}")


def _observed(observance: str, day: int, taken: dict[int, str]) -> int | None:
    weekday = weekday_of(day)
    if weekday < 5:
        return None
    if observance == "weekend_next_weekday":
        day += 7 - weekday
        while day in taken:
            day += 1
        return day
    if weekday == 6:
        return day + 1
    return day - 1 if observance == "satfri_sunmon" else None


def _month_day(year: int, text: str) -> int:
    return day_from_date(Date(year, int(text[:2]), int(text[3:])))


def _nth(year: int, month: int, weekday: int, n: int) -> int:
    return day_from_date(Date(year, month, 1).nth_weekday_of_month(n, Weekday(weekday + 1)))


def _easter(year: int) -> int:
    """Western Easter Sunday, by the Gregorian computus (anonymous algorithm, Nature, 20 April 1876)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leaps = century // 4
    moved = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leaps - moved + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * late + 114, 31)
    return day_from_date(Date(year, month, day + 1))
