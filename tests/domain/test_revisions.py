"""Rules are dated revisions, and a plan names the one it used (MISSION idea 5; P11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler.domain import rules
from scheduler.domain.localtime import day_from_text
from scheduler.domain.model import Cap
from tests.domain.brute import data
from tests.domain.builders import MIAMI, ROUND_THE_CLOCK, a_lead, a_policy, first_plan, instant, planned

MONDAY = day_from_text("2026-11-23")
SEVEN_LOCAL = "2026-11-24T00:30:00Z"  # 19:30 in Miami


def a_book(revision: str, *rows: dict[str, Any]) -> rules.Rules:
    """The build's file under another revision, with further rows."""
    file = json.loads(json.dumps(data()))
    file["revision"] = revision
    file["states"] += rows
    return rules.read(json.dumps(file).encode())


def florida(since: str | None, until: str, **changes: Any) -> dict[str, Any]:
    """Florida's row with another closing hour, from a date on."""
    row = next(row for row in data()["states"] if row["region"] == "US-FL")
    hours = {day: {"start": "08:00", "end": until} for day in ("weekday", "saturday", "sunday")}
    return {**row, **hours, "automated": None, "strict": None, "effective_from": since, **changes}


def test_a_plan_names_the_revision_it_rests_on():
    assert planned(first_plan(a_policy(), a_lead(), SEVEN_LOCAL)).rules_revision == rules.load().revision
    assert planned(first_plan(a_policy(rules="none"), a_lead(), SEVEN_LOCAL)).rules_revision == ""


def test_a_revision_is_used_beside_that_of_the_build():
    name = rules.register(a_book("t-beside", florida("2022-01-01", "18:00")))

    today, other = (a_policy(windows=ROUND_THE_CLOCK, rules=each) for each in ("us", name))
    assert planned(first_plan(today, a_lead(MIAMI), SEVEN_LOCAL)).at_ms == instant(SEVEN_LOCAL)
    moved = planned(first_plan(other, a_lead(MIAMI), SEVEN_LOCAL))
    assert moved.at_ms >= instant("2026-11-24T13:00:00Z")
    assert moved.rules_revision == "t-beside"
    told = next(why for why in moved.why if why.rule == "statutory_window")
    assert told.ref == "US-FL t-beside"


def test_a_row_holds_from_its_date_on():
    book = a_book("t-dated", florida("2026-11-25", "18:00"))

    assert [book.hours("US-FL", "human", False, MONDAY + later) for later in range(4)] == [
        (480, 1200),
        (480, 1200),
        (480, 1080),
        (480, 1080),
    ]


def test_the_latest_row_in_force_decides_in_whatever_order_they_are_written():
    rows = [florida("2027-06-01", "17:00"), florida("2026-12-01", "18:00"), florida("2027-01-01", "19:00")]
    for order in (rows, rows[::-1]):
        book = a_book("t-order", *order)
        ends = [
            book.hours("US-FL", "human", False, day_from_text(date))
            for date in ("2026-11-30", "2026-12-01", "2027-01-01", "2027-05-31", "2027-06-01")
        ]
        assert [hours and hours[1] // 60 for hours in ends] == [20, 18, 19, 19, 17]


def test_a_plan_over_the_date_of_a_change_keeps_the_new_hours():
    name = rules.register(a_book("t-over", florida("2026-11-24", "18:00")))
    policy = a_policy(windows=ROUND_THE_CLOCK, rules=name)

    assert planned(first_plan(policy, a_lead(MIAMI), SEVEN_LOCAL)).at_ms == instant(SEVEN_LOCAL)
    day_later = planned(first_plan(policy, a_lead(MIAMI), "2026-11-25T00:30:00Z"))
    assert day_later.at_ms >= instant("2026-11-25T13:00:00Z")


def test_before_a_states_first_row_its_country_counts():
    new = florida("2026-11-25", "18:00", region="US-ZY", state="ZY")
    book = a_book("t-first", new)

    assert book.hours("US-ZY", "human", False, MONDAY) == (480, 1260)
    assert book.hours("US-ZY", "human", False, MONDAY + 2) == (480, 1080)


def test_a_cap_that_is_yet_to_come_is_kept_already():
    book = a_book("t-cap", florida("2027-01-01", "20:00", max_calls_per_24h=2))

    assert [cap for cap, _ in book.caps_for(("US-FL",), "human")] == [Cap(2, 86_400)]


def test_a_revision_means_one_thing_for_good():
    book = a_book("t-once")
    assert rules.register(book) == rules.register(book) == "us@t-once"

    with pytest.raises(ValueError, match="t-once"):
        rules.register(a_book("t-once", florida("2026-12-01", "18:00")))


def test_a_revision_that_nobody_registered_is_an_error():
    with pytest.raises(ValueError, match="unknown rules"):
        first_plan(a_policy(rules="us@1999"), a_lead(), SEVEN_LOCAL)
