"""The hours worked out another way: minute by minute, with zoneinfo and the rules' file read anew.

Shares no code with the planner, on purpose.
"""

from __future__ import annotations

import json
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
