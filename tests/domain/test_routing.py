"""Routing of a cadence by what came of an attempt (MISSION C15, C16; the API's routing rule)."""

from __future__ import annotations

import pytest

from scheduler.domain.model import (
    Action,
    Anchor,
    AttemptKind,
    Disposition,
    Ended,
    EndReason,
    Outcome,
    Planned,
    RoutingRule,
    Step,
    Waiting,
)
from scheduler.domain.planner import plan
from scheduler.domain.time import HOUR, MINUTE
from tests.domain.builders import Journey, a_cadence_policy, a_lead, ended, instant, planned, rules_told

MONDAY_NINE = "2026-11-23T14:00:00Z"
H = 3_600


def rule(on: str, action: Action, **more: object) -> RoutingRule:
    return RoutingRule(on, action, **more)  # type: ignore[arg-type]


def a_journey(*rules: RoutingRule, **changes: object) -> Journey:
    """Three steps an hour apart, of which the first has these rules."""
    steps = (Step(delay_after_s=H, routing=rules), Step(delay_after_s=H), Step(delay_after_s=H))
    return Journey(a_cadence_policy(*steps, **changes), a_lead(), MONDAY_NINE)


def after(journey: Journey, outcome: Outcome, **result: object) -> tuple[int, float]:
    """The step that follows, and in how many hours of the call."""
    journey.dial(outcome, **result)
    found = planned(journey.look())
    return found.step, (found.at_ms - journey.loop.history[-1]) / HOUR


@pytest.mark.parametrize(
    ("rules", "outcome", "expected"),
    [
        ((), Outcome.BUSY, (1, 1)),  # no match: next
        ((rule("busy", Action.RETRY, delay_s=4 * H),), Outcome.BUSY, (0, 4)),
        ((rule("busy", Action.RETRY, delay_s=4 * H),), Outcome.NOT_REACHED, (1, 1)),
        ((rule("busy", Action.RETRY),), Outcome.BUSY, (0, 1)),  # the step's own delay
        ((rule("not_reached", Action.NEXT, delay_s=2 * H),), Outcome.NOT_REACHED, (1, 2)),
        ((rule("voicemail", Action.GOTO, step=3),), Outcome.VOICEMAIL, (2, 1)),
        ((rule("voicemail", Action.GOTO, step=3, delay_s=3 * H),), Outcome.VOICEMAIL, (2, 3)),
        ((rule("voicemail", Action.GOTO, step=1, delay_s=H),), Outcome.VOICEMAIL, (0, 1)),
        (
            (rule("busy", Action.GOTO, step=3), rule("busy", Action.RETRY)),
            Outcome.BUSY,
            (2, 1),
        ),  # the first match wins
    ],
)
def test_c15_a_rule_says_what_follows_an_outcome(
    rules: tuple[RoutingRule, ...], outcome: Outcome, expected: tuple[int, float]
):
    assert after(a_journey(*rules), outcome) == expected


def test_c15_a_rule_may_name_a_disposition_of_the_users_own():
    journey = a_journey(rule("send_brochure", Action.GOTO, step=3))

    assert after(journey, Outcome.ANSWERED, disposition="send_brochure") == (2, 1)
    assert rules_told(planned(journey.look()))[0] == ("routing", "set")


def test_c15_a_rule_applies_at_most_so_often_and_then_the_next_one():
    journey = a_journey(rule("busy", Action.RETRY, delay_s=H, max=2), rule("busy", Action.GOTO, step=3))

    assert [after(journey, Outcome.BUSY)[0] for _ in range(3)] == [0, 0, 2]


def test_c15_at_most_counts_anew_in_each_run():
    policy = a_cadence_policy(
        Step(delay_after_s=H, routing=(rule("busy", Action.RETRY, delay_s=H, max=1),)), cadence={"runs": 2}
    )
    journey = Journey(policy, a_lead(), MONDAY_NINE)
    journey.play(lambda _n: Outcome.BUSY)

    assert [attempt.run for attempt in journey.plans] == [1, 1, 2, 2]


def test_a_retry_without_a_delay_still_leaves_a_minute():
    policy = a_cadence_policy(Step(routing=(rule("busy", Action.RETRY, max=3),)))
    journey = Journey(policy, a_lead(), MONDAY_NINE)
    journey.dial(Outcome.BUSY)

    assert planned(journey.look()).at_ms == journey.now_ms + MINUTE


def test_retries_without_end_stop_at_a_hundred_attempts():
    policy = a_cadence_policy(Step(routing=(rule("busy", Action.RETRY, delay_s=600),)))
    journey = Journey(policy, a_lead(), MONDAY_NINE)

    assert journey.play(lambda _n: Outcome.BUSY) is EndReason.MAX_ATTEMPTS
    assert len(journey.loop.history) == 100


def test_c15_a_rule_ends_the_loop():
    journey = a_journey(rule("voicemail", Action.END))
    journey.dial(Outcome.VOICEMAIL)

    assert ended(journey.look()) is EndReason.CADENCE_COMPLETE


def test_c15_a_rule_hands_over_to_another_cadence():
    journey = a_journey(rule("voicemail", Action.TRANSITION, cadence_id="nurture", delay_s=24 * H))
    journey.dial(Outcome.VOICEMAIL)

    found = journey.look()
    assert isinstance(found, Ended)
    assert (found.reason, found.next_cadence_id) == (EndReason.TRANSITIONED, "nurture")
    assert found.next_start_at_ms == journey.now_ms + 24 * HOUR


def test_c15_a_rule_waits_for_a_person_and_then_goes_on():
    journey = a_journey(rule("answered", Action.WAIT, delay_s=5 * H))
    journey.dial(Outcome.ANSWERED)

    found = journey.look()
    assert isinstance(found, Waiting)
    assert found.until_ms == journey.now_ms + 5 * HOUR
    assert found.why[0].rule == "routing"
    assert isinstance(found.then, Planned)
    assert (found.then.step, found.then.at_ms) == (1, found.until_ms)
    assert [why.rule for why in found.then.why].count("routing") == 1
    assert plan(journey.loop, journey.policy, journey.lead, journey.last, found.until_ms) == found.then


def test_a_reminder_that_falls_into_a_wait_is_left_out_and_not_put_off():
    appointment = instant("2026-11-25T20:00:00Z")
    wait = rule("answered", Action.WAIT, delay_s=48 * H)
    policy = a_cadence_policy(
        Step(routing=(wait,)),
        Step(anchor=Anchor.APPOINTMENT, offset_s=-24 * H),
        Step(anchor=Anchor.APPOINTMENT, offset_s=-H),
    )
    journey = Journey(policy, a_lead(appointment_at_ms=appointment), MONDAY_NINE)
    journey.dial(Outcome.ANSWERED)

    found = journey.look()
    assert isinstance(found, Waiting)
    assert found.then is not None
    assert (found.then.step, found.then.at_ms) == (2, appointment - HOUR)


def test_a_rule_comes_before_the_stop_on_a_conversation():
    follow = a_journey(rule("completed", Action.NEXT))
    stop = a_journey()
    for journey in (follow, stop):
        journey.dial(Outcome.COMPLETED)

    assert planned(follow.look()).step == 1
    assert ended(stop.look()) is EndReason.REACHED


@pytest.mark.parametrize(
    ("disposition", "reason"),
    [
        (Disposition.CONVERTED, EndReason.CONVERTED),
        (Disposition.DNC, EndReason.DNC),
        (Disposition.COMPLAINT, EndReason.DNC),
        (Disposition.WRONG_NUMBER, EndReason.INVALID_NUMBER),
    ],
)
def test_no_rule_changes_what_converted_and_opted_out_mean(disposition: Disposition, reason: EndReason):
    journey = a_journey(rule(disposition, Action.RETRY), rule("answered", Action.RETRY))
    journey.dial(Outcome.ANSWERED, disposition=disposition)

    assert ended(journey.look()) is reason


def test_d42_no_rule_overrides_a_call_me_later():
    journey = a_journey(rule("callback", Action.END), rule("answered", Action.END))
    asked = instant("2026-11-24T19:00:00Z")
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=asked)

    found = planned(journey.look())
    assert (found.at_ms, found.kind, found.step) == (asked, AttemptKind.CALLBACK, 0)


def test_p16_the_cadence_goes_on_from_the_callback():
    journey = a_journey(rule("busy", Action.RETRY, delay_s=4 * H))
    asked = instant("2026-11-24T15:00:00Z")
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=asked)
    journey.dial(Outcome.NOT_REACHED)

    found = planned(journey.look())
    assert (found.step, found.at_ms) == (1, asked + HOUR)


def test_d30_after_an_error_the_next_step_is_a_quarter_of_an_hour_later_at_least():
    policy = a_cadence_policy(Step(delay_after_s=60), Step())
    journey = Journey(policy, a_lead(), MONDAY_NINE)
    journey.dial(Outcome.ERROR)
    assert planned(journey.look()).at_ms == journey.now_ms + 15 * MINUTE

    journey.dial(Outcome.ERROR)
    assert ended(journey.look()) is EndReason.CONSECUTIVE_ERRORS


def test_a_step_that_a_new_version_no_longer_has_leads_to_the_end():
    journey = a_journey()
    for _ in range(3):
        journey.dial()
    journey.policy = a_cadence_policy(Step(delay_after_s=H))

    assert ended(journey.look()) is EndReason.CADENCE_COMPLETE
