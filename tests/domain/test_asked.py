"""What somebody says of the next attempt: called back then, made then, or not called back (P16; API 5)."""

from __future__ import annotations

import msgspec
import pytest

from scheduler.domain.model import Asked, AskedFor, AttemptKind, Disposition, EndReason, Outcome, Step
from scheduler.domain.planner import plan
from scheduler.domain.time import DAY, HOUR, MINUTE, Ms
from tests.domain.builders import (
    Journey,
    a_cadence_policy,
    a_lead,
    a_policy,
    a_smart_policy,
    ended,
    instant,
    planned,
    rules_told,
)

MONDAY_TEN = "2026-11-23T15:00:00Z"
WEDNESDAY = instant("2026-11-25T16:30:00Z")
TWO_STEPS = a_cadence_policy(Step(delay_after_s=7200), Step(delay_after_s=3600))


def say(journey: Journey, what: AskedFor, at_ms: Ms | None = None) -> None:
    journey.loop = msgspec.structs.replace(journey.loop, asked=Asked(what, at_ms))


@pytest.mark.parametrize("policy", [a_policy(), a_smart_policy(), TWO_STEPS], ids=lambda one: one.strategy)
@pytest.mark.parametrize("dialled", [0, 1])
def test_a_time_that_was_set_is_kept_by_every_strategy_and_the_attempt_stays_what_it_was(policy, dialled):
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    for _ in range(dialled):
        journey.dial(Outcome.BUSY)
    before = planned(journey.look())

    say(journey, AskedFor.TIME, WEDNESDAY)
    found = planned(journey.look())

    assert found.at_ms == WEDNESDAY
    assert (found.kind, found.step, found.run, found.channel) == (
        before.kind,
        before.step,
        before.run,
        before.channel,
    )
    assert ("manual", "set") in rules_told(found)


def test_it_may_be_sooner_than_planned_but_never_sooner_than_a_cap_allows():
    journey = Journey(a_policy(immediate_callback=False), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.BUSY)
    natural = planned(journey.look()).at_ms
    say(journey, AskedFor.TIME, journey.now_ms + 10 * MINUTE)
    assert planned(journey.look()).at_ms == journey.now_ms + 10 * MINUTE < natural

    contacts = tuple(journey.now_ms - number * HOUR for number in (3, 2, 1))
    journey.lead = msgspec.structs.replace(journey.lead, contacts=contacts)
    found = planned(journey.look())
    assert found.at_ms >= contacts[0] + DAY
    assert ("frequency_cap", "moved") in rules_told(found)


def test_who_set_a_time_has_answered_a_sign_of_life():
    lead = a_lead(quiet_until_ms=instant(MONDAY_TEN) + 2 * DAY)
    journey = Journey(a_policy(), lead, MONDAY_TEN)
    assert planned(journey.look()).at_ms >= lead.quiet_until_ms

    say(journey, AskedFor.TIME, instant(MONDAY_TEN) + HOUR)

    assert planned(journey.look()).at_ms == instant(MONDAY_TEN) + HOUR


def test_a_time_outside_the_hours_is_the_next_opening():
    journey = Journey(a_policy(jitter_max_s=0), a_lead(), MONDAY_TEN)
    say(journey, AskedFor.TIME, instant("2026-11-24T02:30:00Z"))  # 21:30 where the lead is

    assert planned(journey.look()).at_ms == instant("2026-11-24T14:00:00Z")


def test_a_callback_told_since_counts_more_than_the_one_asked_for_in_the_call():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=WEDNESDAY)

    say(journey, AskedFor.CALLBACK, WEDNESDAY + HOUR)

    found = planned(journey.look())
    assert (found.kind, found.at_ms) == (AttemptKind.CALLBACK, WEDNESDAY + HOUR)


def test_a_callback_comes_before_the_first_attempt_as_well():
    journey = Journey(TWO_STEPS, a_lead(), MONDAY_TEN)
    say(journey, AskedFor.CALLBACK, WEDNESDAY)

    found = planned(journey.look())

    assert (found.kind, found.at_ms) == (AttemptKind.CALLBACK, WEDNESDAY)


def test_a_callback_told_since_keeps_a_loop_going_that_stops_on_reached():
    journey = Journey(a_policy(stop_on="reached"), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.COMPLETED)
    assert ended(journey.look()) is EndReason.REACHED

    say(journey, AskedFor.CALLBACK, WEDNESDAY)

    assert planned(journey.look()).at_ms == WEDNESDAY


def test_a_callback_that_is_taken_back_leaves_the_schedule():
    journey = Journey(a_policy(stop_on="reached"), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.COMPLETED, disposition=Disposition.CALLBACK, callback_at_ms=WEDNESDAY)
    say(journey, AskedFor.NOTHING)

    assert planned(journey.look()).kind is AttemptKind.CADENCE


def test_planned_again_later_it_is_the_same_instant():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    say(journey, AskedFor.TIME, WEDNESDAY)
    for later_ms in (0, HOUR, DAY, 2 * DAY):
        now_ms = instant(MONDAY_TEN) + later_ms
        assert planned(plan(journey.loop, journey.policy, journey.lead, None, now_ms)).at_ms == WEDNESDAY
