"""The calling rules' file: its schema as explained beside it, and generated probes of the answers it gives
(MISSION P11; RELIABILITY I7)."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import pytest

from scheduler.domain.localtime import clock_text, day_from_text, day_of, minute_of
from scheduler.domain.model import Place
from scheduler.domain.placement import opening_at
from scheduler.domain.rules import load
from tests.domain import brute
from tests.domain.brute import data
from tests.domain.builders import ROUND_THE_CLOCK, a_policy

ROWS = [row for part in ("base", "states", "countries") for row in data()[part]]
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
CONFIDENCE = {"verified_primary", "verified_secondary", "memory"}
FIELDS = {
    "region": str,
    "country": str,
    "state": str | None,
    "name": str,
    "kind": str,
    "weekday": dict | None,
    "saturday": dict | None,
    "sunday": dict | None,
    "holidays_forbidden": bool,
    "holiday_calendar": str | None,
    "max_calls_per_24h": int | None,
    "cap_scope": str | None,
    "cap_counts": list | None,
    "automated": dict | None,
    "strict": dict | None,
    "emergency_ban": bool,
    "exempt_when": list,
    "time_basis": str,
    "time_zones": list,
    "effective_from": str | None,
    "source": str,
    "source_url": str | None,
    "confidence": str,
    "notes": str,
}


def is_span(span: Any) -> bool:
    return span is None or (
        set(span) == {"start", "end"}
        and all(CLOCK.fullmatch(text) for text in span.values())
        and span["start"] < span["end"]
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["region"])
def test_every_row_has_the_form_that_is_explained(row: dict[str, Any]):
    assert set(row) == set(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(row[name], kind), name
    assert all(is_span(row[day]) for day in ("weekday", "saturday", "sunday"))
    for part in ("automated", "strict"):
        clause = row[part] or {}
        assert all(is_span(clause[day]) for day in clause if day in ("weekday", "saturday", "sunday"))
        assert clause.get("confidence", "memory") in CONFIDENCE
    assert row["kind"] in ("statute", "guideline")
    assert row["time_basis"] in ("called_party_local", "state_central")
    assert row["confidence"] in CONFIDENCE
    assert row["region"] == (f"{row['country']}-{row['state']}" if row["state"] else row["region"])
    assert not row["holidays_forbidden"] or row["holiday_calendar"] in data()["holiday_calendars"]
    assert row["max_calls_per_24h"] is None or row["max_calls_per_24h"] > 0
    assert set(row["time_zones"]) <= available_timezones()
    assert row["state"] is None or row["time_zones"]
    assert row["source"]
    if row["effective_from"]:
        assert day_from_text(row["effective_from"]) > 0


def test_the_file_is_whole():
    states = [row["state"] for row in data()["states"]]
    assert len(states) == len(set(states)) == 56
    assert [row["region"] for row in data()["base"]] == ["US"]
    assert {row["region"] for row in data()["countries"]} >= {"CA", "CA-BC", "GB", "AU"}
    assert load().revision == data()["revision"]
    assert "legal advice" in data()["disclaimer"]
    assert all(calendar["source"] for calendar in data()["holiday_calendars"].values())


def probes() -> list[tuple[str, str, str, bool, int]]:
    """Region, zone, voice, strict and an instant; half of the instants lie within a minute of an hour that a
    row names, and every tenth on a holiday that some row forbids."""
    drawn = random.Random("calling rules")
    regions = [row for row in ROWS if row["region"] != "US" and row["time_zones"]]
    hours = sorted({span[side] for row in ROWS for span in spans(row) for side in ("start", "end")})
    holidays = [day["date"] for calendar in data()["holiday_calendars"].values() for day in calendar["dates"]]
    found = []
    for number in range(300):
        row = drawn.choice(regions)
        zone = drawn.choice(row["time_zones"])
        date = (
            drawn.choice(holidays)
            if number % 10 == 0
            else f"202{drawn.choice('678')}-{drawn.randint(1, 12):02d}-{drawn.randint(1, 28):02d}"
        )
        clock = (
            drawn.choice(hours) if number % 2 else f"{drawn.randint(0, 23):02d}:{drawn.randint(0, 59):02d}"
        )
        local = datetime.fromisoformat(f"{date}T{'23:59' if clock == '24:00' else clock}")
        at_ms = int(local.replace(tzinfo=brute.zone_of(zone)).astimezone(UTC).timestamp()) * 1000
        at_ms += drawn.choice((-60_000, -1, 0, 60_000)) if number % 2 else 0
        found.append((row["region"], zone, drawn.choice(("ai", "human")), drawn.random() < 0.5, at_ms))
    return found


def spans(row: dict[str, Any]) -> list[dict[str, str]]:
    clauses = [row, row["automated"] or {}, row["strict"] or {}]
    found = [clause.get(day) for clause in clauses for day in ("weekday", "saturday", "sunday")]
    return [span for span in found if span]


@pytest.mark.parametrize(("region", "zone", "voice", "strict", "at_ms"), probes())
def test_p11_three_hundred_probes_are_answered_as_the_rows_read(
    region: str, zone: str, voice: str, strict: bool, at_ms: int
):
    row = next(row for row in ROWS if row["region"] == region)
    basis = ("America/Chicago",) if row["time_basis"] == "state_central" else ()
    place = Place((zone,), (region,), (zone,), "stated")
    policy = a_policy(windows=ROUND_THE_CLOCK, voice=voice, strict=strict)

    allowed = brute.law_allows((zone, *basis), (region,), voice == "ai", strict, at_ms)

    assert (opening_at(policy, place, at_ms) is not None) == allowed, clock_text(zone, at_ms)
    hours = load().hours(region, voice, strict, day_of(zone, at_ms))
    if not basis:
        assert (hours is not None and hours[0] <= minute_of(zone, at_ms) < hours[1]) == allowed


def test_the_probes_meet_open_and_closed_hours_and_holidays_in_numbers():
    found = [
        brute.law_allows((zone,), (region,), voice == "ai", strict, at_ms)
        for region, zone, voice, strict, at_ms in probes()
    ]

    assert 100 < sum(found) < 250
    assert len({probe[0] for probe in probes()}) > 50
