"""Open intervals against a brute force by the minute: zones, regions, own windows, clock changes
(RELIABILITY I7, test layer 1c; MISSION P11, D22)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.localtime import (
    clock_text,
    date_text,
    day_from_text,
    day_of,
    day_start,
    minute_of,
    opening_and_closing,
)
from scheduler.domain.model import NoCallDay, Place, Range
from scheduler.domain.numbers import place_of
from scheduler.domain.openings import Openings, by_local_day
from scheduler.domain.placement import next_opening, open_intervals, opening_at
from scheduler.domain.places import combine
from scheduler.domain.time import DAY, HOUR, MINUTE, Ms
from scheduler.domain.windows import week_from_api, week_to_api
from tests.domain import brute
from tests.domain.builders import (
    BANGOR,
    DENVER,
    NEW_YORK,
    PHOENIX,
    ROUND_THE_CLOCK,
    a_policy,
    instant,
)


def opens_and_closes(zone: str, date: str, start: str, end: str) -> tuple[str, str]:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (start, end)]
    opens_ms, closes_ms = opening_and_closing(zone, day_from_text(date), *minutes)
    return clock_text(zone, opens_ms)[15:20], f"{(closes_ms - opens_ms) / HOUR:g} h"


@pytest.mark.parametrize(
    ("date", "start", "end", "expected"),
    [
        ("2026-03-08", "02:30", "09:00", ("03:00", "6 h")),  # an opening that is skipped: the jump
        ("2026-03-08", "01:00", "02:30", ("01:00", "1 h")),  # a closing that is skipped: the jump
        ("2026-03-08", "02:10", "02:50", ("03:00", "0 h")),  # all skipped: closed
        ("2026-03-08", "00:00", "24:00", ("00:00", "23 h")),
        ("2026-11-01", "01:30", "09:00", ("01:30", "7.5 h")),  # an opening that comes twice: the second
        ("2026-11-01", "00:00", "01:30", ("00:00", "1.5 h")),  # a closing that comes twice: the first
        ("2026-11-01", "01:10", "01:50", ("01:10", "0.666667 h")),  # both: the first time
        ("2026-11-01", "00:00", "24:00", ("00:00", "25 h")),
        ("2026-11-02", "09:00", "18:00", ("09:00", "9 h")),
    ],
)
def test_clock_changes_in_new_york_never_open_outside_the_range(
    date: str, start: str, end: str, expected: tuple[str, str]
):
    assert opens_and_closes("America/New_York", date, start, end) == expected


def test_a_lead_in_phoenix_keeps_its_hours_when_denver_moves_its_clocks():
    policy = a_policy(windows=ROUND_THE_CLOCK, strict=False, voice="human")
    summer = instant("2026-07-01T14:59:00Z")  # 07:59 in Phoenix, 08:59 in Denver

    assert next_opening(policy, PHOENIX, summer) == (
        instant("2026-07-01T15:00:00Z"),
        instant("2026-07-02T04:00:00Z"),
    )
    assert opening_at(policy, DENVER, summer) is not None
    assert opening_at(policy, PHOENIX, summer) is None


def test_d23_a_berlin_account_calls_a_new_york_contact_nine_to_six_in_new_york():
    policy = a_policy(zone="Europe/Berlin")

    assert opening_at(policy, NEW_YORK, instant("2026-11-23T14:00:00Z")) == (
        instant("2026-11-23T14:00:00Z"),
        instant("2026-11-23T23:00:00Z"),
    )
    assert opening_at(policy, NEW_YORK, instant("2026-11-23T13:59:59Z")) is None


def test_d22_a_lead_of_no_zone_has_the_windows_of_the_account():
    policy = a_policy(zone="Europe/Berlin", rules="none")
    nowhere = Place((), ("ZZ",), (), "unknown")

    assert opening_at(policy, nowhere, instant("2026-11-23T08:00:00Z")) == (
        instant("2026-11-23T08:00:00Z"),
        instant("2026-11-23T17:00:00Z"),
    )


def test_p10_after_hours_leaves_our_windows_out_and_keeps_the_law():
    evening = instant("2026-11-24T00:30:00Z")  # 19:30 in New York

    assert opening_at(a_policy(), NEW_YORK, evening) is None
    assert opening_at(a_policy(), NEW_YORK, evening, after_hours=True) == (
        instant("2026-11-23T13:00:00Z"),
        instant("2026-11-24T02:00:00Z"),
    )
    assert opening_at(a_policy(), NEW_YORK, instant("2026-11-24T02:00:00Z"), after_hours=True) is None


def test_d21_a_no_call_day_is_closed_where_the_lead_is_even_after_hours():
    policy = a_policy(no_call_days=(NoCallDay("2026-12-24", "Christmas Eve"),))
    before = instant("2026-12-23T23:30:00Z")

    assert next_opening(policy, NEW_YORK, before) == (
        instant("2026-12-25T14:00:00Z"),
        instant("2026-12-25T23:00:00Z"),
    )
    after_hours = next_opening(policy, NEW_YORK, instant("2026-12-24T04:59:00Z"), after_hours=True)
    assert after_hours == (instant("2026-12-25T13:00:00Z"), instant("2026-12-26T02:00:00Z"))


def test_d21_a_no_call_day_holds_in_every_zone_where_the_lead_may_be():
    two_zones = place_of("+18505550100")  # Central and Eastern
    policy = a_policy(windows=ROUND_THE_CLOCK, rules="none", no_call_days=(NoCallDay("2026-12-25"),))

    found = open_intervals(
        policy, two_zones, instant("2026-12-25T00:00:00Z"), instant("2026-12-26T12:00:00Z")
    )

    assert found == (
        (instant("2026-12-25T00:00:00Z"), instant("2026-12-25T05:00:00Z")),  # midnight in New York
        (instant("2026-12-26T06:00:00Z"), instant("2026-12-26T12:00:00Z")),  # midnight in Chicago
    )


def test_maine_has_weekdays_nine_to_five_for_an_ai_whatever_the_windows_say():
    found = open_intervals(
        a_policy(windows=ROUND_THE_CLOCK),
        BANGOR,
        instant("2026-11-21T00:00:00Z"),
        instant("2026-11-26T00:00:00Z"),
    )

    assert found == tuple(
        (instant(f"2026-11-{day}T14:00:00Z"), instant(f"2026-11-{day}T22:00:00Z")) for day in (23, 24, 25)
    )


def test_a_place_without_a_rule_never_opens():
    assert (
        next_opening(
            a_policy(windows=ROUND_THE_CLOCK), place_of("+18765550123"), instant("2026-11-23T15:00:00Z")
        )
        is None
    )


def test_without_rules_round_the_clock_is_one_open_time_but_for_a_cut_a_week():
    policy = a_policy(windows=ROUND_THE_CLOCK, rules="none")
    from_ms, until_ms = instant("2026-11-03T00:00:00Z"), instant("2026-12-15T00:00:00Z")

    assert open_intervals(policy, NEW_YORK, from_ms, until_ms) == ((from_ms, until_ms),)
    assert opening_at(policy, NEW_YORK, from_ms) == (
        instant("2026-11-02T00:00:00Z"),
        instant("2026-11-09T00:00:00Z"),
    )


def test_unknown_rules_are_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="us, none"):
        opening_at(a_policy(rules="mars"), NEW_YORK, 0)


def test_answers_do_not_depend_on_what_was_asked_before():
    def fresh() -> Openings:
        return by_local_day(("Asia/Tokyo",), lambda day: (Range(0, 1440),) if day % 9 else ())

    start = instant("2026-11-01T00:00:00Z")
    questions = [start + hours * HOUR for hours in range(0, 24 * 40, 7)]
    forwards, backwards = fresh(), fresh()

    found = [forwards.at(at_ms) for at_ms in questions]
    assert found == [backwards.at(at_ms) for at_ms in reversed(questions)][::-1]
    assert found == [fresh().at(at_ms) for at_ms in questions]


PHONES = [
    f"+1{area}5550100"
    for area in (
        "212",
        "305",
        "850",
        "207",
        "401",
        "502",
        "270",
        "219",
        "432",
        "928",
        "907",
        "541",
        "601",
        "808",
        "604",
        "800",
    )
] + ["+442079460958", "+61412345678"]
ZONES = [
    None,
    "America/New_York",
    "America/Denver",
    "America/Phoenix",
    "Europe/Berlin",
    "Australia/Lord_Howe",
]
RANGES = st.lists(st.tuples(st.integers(0, 95), st.integers(1, 96)), max_size=2).map(
    lambda pairs: _day([(start * 15, end * 15) for start, end in pairs if start < end])
)


def _day(pairs: list[tuple[int, int]]) -> tuple[Range, ...]:
    kept: list[Range] = []
    for start, end in sorted(pairs):
        if not kept or start > kept[-1].end_min:
            kept.append(Range(start, end))
    return tuple(kept)


@settings(max_examples=250, deadline=None)
@given(
    phone=st.sampled_from(PHONES),
    stated=st.sampled_from(ZONES),
    week=st.lists(RANGES, min_size=7, max_size=7).map(tuple),
    start=st.sampled_from(
        [
            "2026-03-06",
            "2026-03-27",
            "2026-04-03",
            "2026-07-02",
            "2026-10-23",
            "2026-10-30",
            "2026-12-23",
            "2027-03-12",
        ]
    ),
    ai=st.booleans(),
    strict=st.booleans(),
)
def test_i7_open_times_are_those_of_a_brute_force_by_the_minute(
    phone: str, stated: str | None, week: tuple[tuple[Range, ...], ...], start: str, ai: bool, strict: bool
):
    place = combine(place_of(phone), stated, None)
    policy = a_policy(windows=week, voice="ai" if ai else "human", strict=strict)
    written = week_to_api(week)
    assert week_from_api(written) == week
    from_ms = instant(f"{start}T00:00:00Z")
    found = open_intervals(policy, place, from_ms, from_ms + 4 * DAY)

    for at_ms in range(from_ms, from_ms + 4 * DAY, 15 * MINUTE):
        planned_open = any(opens <= at_ms < closes for opens, closes in found)
        allowed = brute.windows_allow(written, place.own_zones, at_ms) and brute.law_allows(
            place.zones, place.regions, ai, strict, at_ms
        )
        assert not planned_open or allowed, clock_text(place.own_zones[0], at_ms)
        if allowed and not planned_open:  # only where an hour comes twice
            assert any(_hour_comes_twice(zone, at_ms) for zone in place.zones)
    for opens, closes in found:
        assert brute.windows_allow(written, place.own_zones, closes - 1)
        assert brute.law_allows(place.zones, place.regions, ai, strict, closes - 1)
        assert brute.law_allows(place.zones, place.regions, ai, strict, opens)


def _hour_comes_twice(zone: str, at_ms: Ms) -> bool:
    local = brute.clock(zone, at_ms)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(
        [
            "America/New_York",
            "America/Havana",
            "Africa/Cairo",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "America/St_Johns",
        ]
    ),
    at_ms=st.integers(instant("2024-01-01T00:00:00Z"), instant("2037-12-31T00:00:00Z")),
)
def test_f27_local_days_and_minutes_are_those_of_another_library(zone: str, at_ms: int):
    local = brute.clock(zone, at_ms)

    assert date_text(day_of(zone, at_ms)) == f"{local:%Y-%m-%d}"
    assert minute_of(zone, at_ms) == local.hour * 60 + local.minute
    day = day_of(zone, at_ms)
    assert day_start(zone, day) <= at_ms < day_start(zone, day + 1)


@pytest.mark.parametrize("year", range(2024, 2038))
@pytest.mark.parametrize("zone", ["America/New_York", "America/Adak", "Europe/London", "Australia/Sydney"])
def test_f27_business_hours_hold_through_every_clock_change_until_2037(zone: str, year: int):
    place = Place((zone,), ("US-NY",), (zone,), "stated")
    policy = a_policy(rules="none")
    from_ms = instant(f"{year}-01-01T00:00:00Z")

    for opens, closes in open_intervals(policy, place, from_ms, from_ms + 365 * DAY)[1:-1]:
        assert f"{brute.clock(zone, opens):%H:%M}" == "09:00"
        assert f"{brute.clock(zone, closes):%H:%M}" == "18:00"
