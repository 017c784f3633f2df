"""The calling rules as the referee reads them: from the data file alone, sharing no code with the planner.

A second reading of the same law on purpose: a fault in the planner's reading must not hide itself here.
Slower, plainer, and built the other way round: it takes an instant and asks what forbids it.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

RULES_PATH = Path(__file__).parent.parent / "scheduler" / "domain" / "data" / "us_calling_rules.json"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_FIELDS = ("weekday",) * 5 + ("saturday", "sunday")


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone from the pinned tzdata package, never the system's; None if there is none of that name."""
    parts = name.split("/")
    if not all(part and part[0].isalpha() for part in parts):
        return None
    source = resources.files("tzdata").joinpath("zoneinfo", *parts)
    try:
        with source.open("rb") as data:
            return ZoneInfo.from_file(data, key=name)
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return None


def local_time(at_ms: int, zone: ZoneInfo) -> datetime:
    """The wall clock in `zone` at the instant."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def minutes(clock: str) -> int:
    """`HH:MM` as minutes from midnight; `24:00` is 1440."""
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)


class Law:
    """The rows of one rules file."""

    def __init__(self, path: Path | None = None) -> None:
        data = json.loads((path or RULES_PATH).read_text(encoding="utf-8"))
        self._floor: dict[str, dict[str, Any]] = {row["region"]: row for row in data["base"]}
        self._rows: dict[str, dict[str, Any]] = {
            row["region"]: row for row in data["states"] + data["countries"]
        }
        self._calendars: dict[str, dict[str, Any]] = data["holiday_calendars"]
        self._holidays: dict[tuple[str, int], frozenset[date]] = {}

    def rows(self, region: str) -> list[dict[str, Any]]:
        """The rows that bind in `region`, its country's first; none when the region is unknown: it is closed.

        A country of which only the floor is known by that name is taken for all of its states.
        """
        country = region.partition("-")[0]
        if region in self._floor:
            return [
                self._floor[region],
                *(row for row in self._rows.values() if row["country"] == region and row["state"]),
            ]
        if region not in self._rows:
            return []
        above = self._floor.get(country) or (self._rows.get(country) if country != region else None)
        return [above, self._rows[region]] if above else [self._rows[region]]

    def why_closed(self, region: str, zone: ZoneInfo, at_ms: int, *, voice: str, strict: bool) -> str | None:
        """What forbids a call to somebody in `region` whose clock runs in `zone`; None if nothing does."""
        rows = self.rows(region)
        if not rows:
            return f"no rule known for {region}"
        for row in rows:
            clocks = [zone]
            if row["time_basis"] == "state_central":
                central = zone_named("America/Chicago")
                assert central is not None
                clocks.append(central)
            for clock in clocks:
                reason = self._row_closed(row, local_time(at_ms, clock), voice, strict)
                if reason is not None:
                    return reason
        return None

    def _row_closed(self, row: dict[str, Any], local: datetime, voice: str, strict: bool) -> str | None:
        clauses = [("hours", row)]
        if voice == "ai" and row["automated"]:
            clauses.append(("automated", row["automated"]))
        if strict and row["strict"]:
            clauses.append(("strict", row["strict"]))
        minute = local.hour * 60 + local.minute
        for name, clause in clauses:
            hours = clause.get(_DAY_FIELDS[local.weekday()])
            if hours is None or not minutes(hours["start"]) <= minute < minutes(hours["end"]):
                return f"{row['region']} {name} at {local:%a %H:%M} {local.tzinfo}"
        if row["holidays_forbidden"] and local.date() in self.holidays(row["holiday_calendar"], local.year):
            return f"{row['region']} holiday on {local:%Y-%m-%d} {local.tzinfo}"
        return None

    def caps(self, region: str, *, voice: str) -> list[tuple[int, int, str]]:
        """(calls, in seconds, name) for every limit on how often somebody in `region` may be called."""
        caps = []
        for row in self.rows(region):
            if row["max_calls_per_24h"]:
                caps.append((row["max_calls_per_24h"], 86_400, f"{row['region']} per 24 h"))
            gap_s = (row["automated"] or {}).get("min_gap_s")
            if voice == "ai" and gap_s:
                caps.append((1, gap_s, f"{row['region']} gap"))
        return caps

    def holidays(self, calendar: str, year: int) -> frozenset[date]:
        """The days of `year`: those listed where the file lists the year, else those its rules give."""
        known = self._holidays.get((calendar, year))
        if known is None:
            listed = (date.fromisoformat(day["date"]) for day in self._calendars[calendar]["dates"])
            known = frozenset(day for day in listed if day.year == year) or self.computed_holidays(
                calendar, year
            )
            self._holidays[calendar, year] = known
        return known

    def computed_holidays(self, calendar: str, year: int) -> frozenset[date]:
        """The days that the rules give, those kept in their stead included."""
        days: set[date] = set()
        observance = self._calendars[calendar]["observance"]
        for kept_in in (year, year + 1):  # a New Year on a Saturday is kept on 31 December
            feasts = sorted(_days_of(rule["rule"], kept_in) for rule in self._calendars[calendar]["rules"])
            days.update(day for feast in feasts for day in feast)
            days.update(_observed(observance, [day for feast in feasts for day in feast]))
        return frozenset(day for day in days if day.year == year)


def _days_of(rule: str, year: int) -> list[date]:
    kind, _, rest = rule.partition(":")
    if kind == "fixed":
        return [date.fromisoformat(f"{year}-{rest}")]
    if kind == "nth":
        month, weekday, n = (int(x) for x in rest.split(":"))
        return [_nth(year, month, weekday, n)]
    if kind == "last":
        month, weekday = (int(x) for x in rest.split(":"))
        return [_last_before(date(year + month // 12, month % 12 + 1, 1), weekday)]
    if kind == "after":
        month, weekday, n, later = (int(x) for x in rest.split(":"))
        return [_nth(year, month, weekday, n) + timedelta(days=later)]
    if kind == "easter":
        return [_easter(year) + timedelta(days=int(rest))]
    if kind == "election":
        if rest == "even" and year % 2:
            return []
        return [_nth(year, 11, 0, 1) + timedelta(days=1)]
    if kind == "before":
        return [_last_before(date.fromisoformat(f"{year}-{rest}"), 0)]
    if kind == "utjun":
        june = date(year, 6, 19)
        later = 7 - june.weekday() if june.weekday() >= 5 else -june.weekday()
        return [june + timedelta(days=later)]
    raise ValueError(f"unknown holiday rule {kind}")


def _observed(observance: str, feasts: list[date]) -> list[date]:
    """The days kept in the stead of feasts that fall on a weekend."""
    kept: list[date] = []
    for feast in feasts:
        weekday = feast.weekday()
        if weekday < 5:
            continue
        if observance == "weekend_next_weekday":
            day = feast
            while day.weekday() >= 5 or day in feasts or day in kept:
                day += timedelta(days=1)
            kept.append(day)
        elif weekday == 6:
            kept.append(feast + timedelta(days=1))
        elif observance == "satfri_sunmon":
            kept.append(feast - timedelta(days=1))
    return kept


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_before(limit: date, weekday: int) -> date:
    day = limit - timedelta(days=1)
    return day - timedelta(days=(day.weekday() - weekday) % 7)


def _easter(year: int) -> date:
    """Western Easter by the anonymous Gregorian computus."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    skipped, rest = divmod(century, 4)
    moon = (19 * golden + century - skipped - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * rest + 2 * (in_century // 4) - moon - in_century % 4) % 7
    correction = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)
