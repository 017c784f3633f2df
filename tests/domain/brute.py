"""The hours worked out another way: minute by minute, with zoneinfo and the rules' file read anew.

Shares no code with the planner, on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

DATA = Path(__file__).parents[2] / "scheduler" / "domain" / "data" / "us_calling_rules.json"
MINUTE_MS = 60_000

_FIELDS = ("weekday",) * 5 + ("saturday", "sunday")


@cache
def zone_of(name: str) -> ZoneInfo:
    """From the pinned tzdata, whatever the machine has."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@cache
def data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


@cache
def rows_of(region: str) -> list[dict[str, Any]]:
    rows = {row["region"]: row for part in ("base", "states", "countries") for row in data()[part]}
    if region not in rows:
        return []
    return [rows[name] for name in {region, region.split("-")[0]} if name in rows]


def clock(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(zone_of(zone))


def law_allows(zones: tuple[str, ...], regions: tuple[str, ...], ai: bool, strict: bool, at_ms: int) -> bool:
    """Whether every candidate region lets the clock of every candidate zone stand where it does."""
    return bool(regions) and all(
        region_allows(region, clock(zone, at_ms), ai, strict) for region in regions for zone in zones
    )


def region_allows(region: str, local: datetime, ai: bool, strict: bool) -> bool:
    rows = rows_of(region)
    return bool(rows) and all(row_allows(row, local, ai, strict) for row in rows)


def row_allows(row: dict[str, Any], local: datetime, ai: bool, strict: bool) -> bool:
    clauses = [row, row["automated"] if ai else None, row["strict"] if strict else None]
    if row["holidays_forbidden"] and local.date() in listed_holidays(row["holiday_calendar"]):
        return False
    return all(in_hours(clause, local) for clause in clauses if clause)


def in_hours(clause: dict[str, Any], local: datetime) -> bool:
    hours = clause[_FIELDS[local.weekday()]]
    return hours is not None and hours["start"] <= f"{local:%H:%M}" < hours["end"]


@cache
def listed_holidays(calendar: str) -> frozenset[date]:
    """The listed dates alone: the tests stay in the years that the file lists."""
    return frozenset(
        date.fromisoformat(day["date"]) for day in data()["holiday_calendars"][calendar]["dates"]
    )


def windows_allow(week: dict[str, Any], zones: tuple[str, ...], at_ms: int) -> bool:
    """Weekly windows in the form of the API."""
    for zone in zones:
        local = clock(zone, at_ms)
        day = week[("mon", "tue", "wed", "thu", "fri", "sat", "sun")[local.weekday()]]
        now = f"{local:%H:%M}"
        if not (day["enabled"] and any(part["start"] <= now < part["end"] for part in day["ranges"])):
            return False
    return True


def caps_allow(contacts: list[int], caps: list[tuple[int, int]], at_ms: int) -> bool:
    """Whether one more contact keeps every cap (max, seconds), with the minute of margin that we keep."""
    return all(
        sum(at_ms - contact < window_s * 1000 + MINUTE_MS for contact in contacts) < most
        for most, window_s in caps
    )


def closed_by_order(closures: list[tuple[int, int, set[str]]], regions: tuple[str, ...], at_ms: int) -> bool:
    """Closures as (from, until, regions or none for everywhere)."""
    return any(
        from_ms <= at_ms < until_ms and (not where or bool(where & set(regions)))
        for from_ms, until_ms, where in closures
    )


def first_minute(from_ms: int, until_ms: int, allowed: Callable[[int], bool]) -> int | None:
    """The first whole minute at which it is allowed, and still is in the two minutes after."""
    return next((at_ms for at_ms in range(from_ms, until_ms, MINUTE_MS) if _fits(at_ms, allowed)), None)


def last_minute(at_ms: int, from_ms: int, allowed: Callable[[int], bool]) -> int | None:
    """The last such minute at or before an instant."""
    return next((found for found in range(at_ms, from_ms - 1, -MINUTE_MS) if _fits(found, allowed)), None)


def _fits(at_ms: int, allowed: Callable[[int], bool]) -> bool:
    return allowed(at_ms) and allowed(at_ms + MINUTE_MS) and allowed(at_ms + 2 * MINUTE_MS - 1)
