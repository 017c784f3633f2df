"""Presets as data (MISSION P18, D36, D37, C18)."""

from __future__ import annotations

import pytest

from scheduler.domain.localtime import day_of
from scheduler.domain.model import Cap, EndReason, Place, Priority
from scheduler.domain.presets import PRESETS, preset_named
from scheduler.errors import SettingsError
from tests.domain.builders import (
    MIAMI,
    NEW_YORK,
    ROUND_THE_CLOCK,
    Journey,
    a_lead,
    a_live_lead,
    a_policy,
    instant,
)

MONDAY_NINE = "2026-11-02T14:00:00Z"
FOUR_STATES = ("US-FL", "US-OK", "US-MD", "US-OR")


def played(name: str, place: Place = NEW_YORK, **changes: object) -> tuple[EndReason, Journey]:
    journey = Journey(preset_named(name).policy(a_policy(**changes)), a_lead(place), MONDAY_NINE)
    return journey.play(), journey


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_policy_that_plans(name: str):
    lead = a_lead(appointment_at_ms=instant("2026-11-05T19:00:00Z"))
    journey = Journey(preset_named(name).policy(a_policy()), lead, MONDAY_NINE)

    journey.play()

    assert journey.plans


def test_d36_hot_leads_are_aggressive_for_three_to_five_days_and_ten_to_fifteen_attempts():
    settings = preset_named("hot-leads").settings

    assert (settings["strategy"], settings["intensity"]) == ("smart", "aggressive")
    assert 3 <= settings["max_retry_days"] <= 5
    assert 10 <= settings["max_attempts"] <= 15
    reason, journey = played("hot-leads", windows=ROUND_THE_CLOCK)
    assert reason is EndReason.MAX_ATTEMPTS
    assert len(journey.loop.history) == 12


def test_d37_follow_ups_are_moderate_for_ten_days_and_seven_attempts():
    reason, journey = played("follow-ups")

    assert preset_named("follow-ups").settings["max_retry_days"] == 10
    assert (reason, len(journey.loop.history)) == (EndReason.MAX_ATTEMPTS, 7)


def test_d37_nurture_is_conservative_for_ninety_days_and_twenty_attempts():
    reason, journey = played("nurture")

    days = day_of("America/New_York", journey.loop.history[-1]) - day_of(
        "America/New_York", journey.loop.history[0]
    )
    assert reason in (EndReason.MAX_ATTEMPTS, EndReason.MAX_RETRY_DAYS)
    assert len(journey.loop.history) <= 20
    assert 80 <= days <= 90


def test_d37_same_day_urgent_uses_its_six_attempts_under_a_wider_cap():
    reason, journey = played("same-day-urgent", frequency_caps=(Cap(6, 86_400),), jitter_max_s=0)

    assert reason is EndReason.MAX_ATTEMPTS
    first = journey.loop.history[0]
    assert [(at_ms - first) // 60_000 for at_ms in journey.loop.history] == [0, 10, 30, 75, 165, 285]
    assert preset_named("same-day-urgent").priority is Priority.LIVE


@pytest.mark.parametrize("region", FOUR_STATES)
def test_d37_states_with_a_cap_cut_same_day_urgent_to_three(region: str):
    place = Place(("America/New_York",), (region,), ("America/New_York",), "stated")
    reason, journey = played("same-day-urgent", place, frequency_caps=(Cap(6, 86_400),))

    assert (reason, len(journey.loop.history)) == (EndReason.MAX_RETRY_DAYS, 3)
    name = {"US-FL": "Florida", "US-OK": "Oklahoma", "US-MD": "Maryland", "US-OR": "Oregon"}[region]
    assert name in preset_named("same-day-urgent").advice


def test_p18_the_follow_up_preset_goes_on_until_converted():
    policy = preset_named("followup").policy(a_policy(stop_on="reached"))

    assert (policy.stop_on, policy.max_attempts, policy.immediate_callback) == ("converted", 7, True)


def test_a_third_call_at_six_blocks_florida_until_four_of_the_next_day_and_is_planned_there():
    # calls at 16, 17 and 18: the morning call of day 2 is planned for the afternoon, not blocked at nine
    policy = preset_named("hot-leads").policy(a_policy(windows=ROUND_THE_CLOCK, frequency_caps=()))
    contacts = tuple(instant(f"2026-11-02T{hour}:00:00Z") for hour in (21, 22, 23))
    journey = Journey(policy, a_live_lead(MIAMI, contacts=contacts), "2026-11-03T14:00:00Z")

    attempt = journey.dial()

    assert attempt.at_ms >= instant("2026-11-03T21:01:00Z")
    told = next(why for why in attempt.why if why.rule == "frequency_cap")
    assert told.ref.startswith("US-FL")


def test_an_unknown_preset_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError) as caught:
        preset_named("hot-lead")

    assert "hot-leads" in caught.value.do
