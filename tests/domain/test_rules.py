"""The law: every row of the data probed, clauses, holidays, caps (MISSION P11; RELIABILITY I7, I11)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from scheduler.domain.holidays import HolidayCalendar, days_by_rule
from scheduler.domain.localtime import date_text, day_from_text, weekday_of
from scheduler.domain.model import Cap
from scheduler.domain.rules import TERRITORIES, caps_for, load
from tests.domain.brute import data, row_allows, rows_of

MONDAY = day_from_text("2026-11-23")
SATURDAY, SUNDAY = MONDAY + 5, MONDAY + 6
REGIONS = [row["region"] for part in ("states", "countries") for row in data()[part]]


def hours(region: str, day: int, voice: str = "ai", strict: bool = True) -> str | None:
    found = load().hours(region, voice, strict, day)
    return None if found is None else "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in found)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("voice", ["ai", "human"])
@pytest.mark.parametrize("strict", [True, False])
def test_the_hours_of_every_row_open_and_close_on_the_minute(region: str, voice: str, strict: bool):
    for day in (MONDAY, SATURDAY, SUNDAY):
        found = load().hours(region, voice, strict, day)
        midnight = datetime(1970, 1, 1) + timedelta(days=day)
        allowed = [
            minute
            for minute in range(1440)
            if all(
                row_allows(row, midnight + timedelta(minutes=minute), voice == "ai", strict)
                for row in rows_of(region)
            )
        ]
        assert allowed == (list(range(*found)) if found else [])


@pytest.mark.parametrize(
    ("region", "day", "expected"),
    [
        ("US-ME", MONDAY, "09:00-17:00"),
        ("US-ME", SATURDAY, None),
        ("US-SC", MONDAY, "08:00-19:00"),
        ("US-SD", MONDAY, "09:00-21:00"),
        ("US-SD", SATURDAY, None),
        ("US-TX", SUNDAY, "12:00-21:00"),
        ("US-RI", MONDAY, "09:00-18:00"),
        ("US-RI", SATURDAY, "10:00-17:00"),
        ("US-FL", MONDAY, "08:00-20:00"),
        ("US-KY", MONDAY, "10:00-21:00"),
        ("CA-BC", MONDAY, "09:00-21:30"),
    ],
)
def test_an_ai_voice_keeps_the_clauses_for_artificial_voices(region: str, day: int, expected: str | None):
    assert hours(region, day) == expected


def test_people_are_not_bound_by_the_clauses_for_artificial_voices():
    assert hours("US-ME", MONDAY, voice="human") == "08:00-21:00"
    assert hours("US-CA", MONDAY, voice="human") == "08:00-21:00"


def test_the_strict_reading_holds_unless_it_is_turned_off():
    assert hours("US-PA", MONDAY, voice="human") == "09:00-19:00"
    assert hours("US-PA", MONDAY, voice="human", strict=False) == "08:00-21:00"


@pytest.mark.parametrize("region", ["JM", "DE", "ZZ", "US-ZZ", "", "CA-ON"])
def test_a_region_without_a_row_is_closed(region: str):
    assert hours(region, MONDAY) is None
    assert not load().knows(region)


def test_hours_of_several_regions_are_their_overlap_and_no_region_is_closed():
    assert load().hours_of_all(("US-FL", "US-KY"), "human", True, MONDAY) == (600, 1200)
    assert load().hours_of_all(("US-FL", "JM"), "human", True, MONDAY) is None
    assert load().hours_of_all((), "human", True, MONDAY) is None


def test_an_unknown_state_has_the_hours_that_hold_in_every_state():
    states = load().all_states()

    assert len(states) == 51
    assert not set(states) & TERRITORIES
    assert load().hours("US", "ai", True, MONDAY) == load().hours_of_all(states, "ai", True, MONDAY)


@pytest.mark.parametrize("calendar", sorted(data()["holiday_calendars"]))
@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_the_holiday_rules_give_the_listed_dates(calendar: str, year: int):
    kept = msgspec.convert(data()["holiday_calendars"][calendar], HolidayCalendar)

    by_rule = {date_text(day) for near in (year, year + 1) for day in days_by_rule(kept, near)}

    of_year = {date for date in by_rule if date.startswith(str(year))}
    assert of_year == {entry.date for entry in kept.dates if entry.date.startswith(str(year))}


@pytest.mark.parametrize(
    ("region", "date"),
    [
        ("US-LA", "2026-02-17"),  # Mardi Gras
        ("US-PA", "2026-11-03"),  # election day
        ("US-UT", "2026-07-24"),  # Pioneer Day
        ("US-AL", "2026-07-03"),  # Independence Day, kept on Friday
        ("US-RI", "2027-07-05"),  # Independence Day, kept on Monday
        ("CA-BC", "2026-09-30"),
        ("GB", "2027-12-28"),
        ("AU", "2026-04-27"),
        ("US-LA", "2030-11-29"),  # years not listed: by rule
        ("US-UT", "2032-06-21"),
        ("US-AL", "2032-12-31"),
    ],
)
def test_a_holiday_closes_the_region_for_the_day(region: str, date: str):
    day = day_from_text(date)

    assert hours(region, day) is None
    assert weekday_of(day) >= 5 or hours(region, day + 7) is not None


def test_a_holiday_of_one_state_is_an_ordinary_day_in_another():
    assert hours("US-NY", day_from_text("2026-02-17")) is not None


@pytest.mark.parametrize("region", ["US-FL", "US-OK", "US-MD", "US-OR"])
def test_states_with_a_cap_allow_three_calls_in_a_rolling_day(region: str):
    assert caps_for((region,), "human") == ((Cap(3, 86_400), f"{region} {load().revision}"),)


def test_maine_wants_eight_hours_between_two_calls_of_an_ai_alone():
    assert [cap for cap, _ in caps_for(("US-ME",), "ai")] == [Cap(1, 28_800)]
    assert caps_for(("US-ME",), "human") == ()


def test_caps_of_all_candidate_regions_count():
    assert {cap for cap, _ in caps_for(("US-FL", "US-ME", "US-NY"), "ai")} == {Cap(3, 86_400), Cap(1, 28_800)}


def test_mississippi_names_the_central_clock_wherever_the_person_is():
    assert load().clock_zones(("US-MS",)) == ("America/Chicago",)
    assert load().clock_zones(("US-AL",)) == ()
