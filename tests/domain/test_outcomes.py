"""What results mean (MISSION D25 to D34, P16 to P18 and their [ours])."""

from __future__ import annotations

import msgspec
import pytest

from scheduler.domain.model import (
    AttemptKind,
    Cadence,
    Disposition,
    EndReason,
    Loop,
    Outcome,
    Planned,
    Result,
    Step,
    Waiting,
)
from scheduler.domain.outcomes import fold, retry_days_of
from scheduler.domain.planner import plan
from scheduler.domain.time import DAY, HOUR, MINUTE
from tests.domain.builders import (
    Journey,
    a_lead,
    a_policy,
    a_smart_policy,
    ended,
    instant,
    planned,
    rules_told,
)

MONDAY_TEN = "2026-11-23T15:00:00Z"


def test_d32_a_number_that_the_callees_carrier_blocks_is_bad_the_second_time():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.NUMBER_BLOCKED)
    assert isinstance(journey.look(), Planned)

    journey.dial(Outcome.NOT_REACHED)
    journey.dial(Outcome.NUMBER_BLOCKED)
    assert ended(journey.look()) is EndReason.INVALID_NUMBER


def test_d32_two_blocks_in_a_row_are_a_bad_number_and_not_two_errors():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.NUMBER_BLOCKED)
    journey.dial(Outcome.NUMBER_BLOCKED)

    assert ended(journey.look()) is EndReason.INVALID_NUMBER


def test_d30_a_block_and_an_error_in_a_row_are_two_errors():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.NUMBER_BLOCKED)
    journey.dial(Outcome.ERROR)

    assert ended(journey.look()) is EndReason.CONSECUTIVE_ERRORS


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.NOT_REACHED, Outcome.VOICEMAIL, Outcome.UNKNOWN])
def test_d31_a_busy_line_or_a_time_out_is_never_permanent(outcome: Outcome):
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_TEN)

    assert journey.play(lambda _n: outcome) is EndReason.MAX_RETRY_DAYS
    assert len(journey.loop.history) > 6


def asked(journey: Journey, after_ms: int = HOUR) -> None:
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=journey.now_ms + after_ms)


def test_after_three_postponed_callbacks_a_person_says_what_comes_next():
    journey = Journey(a_policy(max_attempts=12), a_lead(), "2026-11-30T14:00:00Z")
    for _ in range(2):
        asked(journey)
        assert planned(journey.look()).kind is AttemptKind.CALLBACK
    asked(journey)

    found = journey.look()

    assert isinstance(found, Waiting)
    assert found.until_ms == journey.now_ms + 2 * DAY
    assert "3 times" in found.why[0].detail
    assert found.then is not None
    assert found.then.at_ms >= found.until_ms
    assert found.then.kind is AttemptKind.CADENCE


def test_a_person_who_never_answers_leaves_the_schedule_to_go_on_at_the_same_instant():
    journey = Journey(a_smart_policy(max_retry_days=30), a_lead(), "2026-11-30T14:00:00Z")
    for _ in range(3):
        asked(journey)
    found = journey.look()
    assert isinstance(found, Waiting)
    assert found.then is not None

    for now_ms in (journey.now_ms + HOUR, found.until_ms - 1):
        assert plan(journey.loop, journey.policy, journey.lead, journey.last, now_ms) == found
    for now_ms in (found.until_ms, found.then.at_ms):
        again = plan(journey.loop, journey.policy, journey.lead, journey.last, now_ms)
        assert planned(again).at_ms == found.then.at_ms


def test_a_person_is_asked_at_the_time_that_was_wished_for_when_that_is_later():
    journey = Journey(a_policy(max_attempts=12), a_lead(), "2026-11-30T14:00:00Z")
    for _ in range(2):
        asked(journey)
    asked(journey, 5 * DAY)

    found = journey.look()
    assert isinstance(found, Waiting)
    assert journey.last is not None
    assert found.until_ms == journey.last.callback_at_ms


def test_d17_when_the_days_are_over_before_the_person_answers_the_loop_ends():
    journey = Journey(a_smart_policy(max_retry_days=0), a_lead(), "2026-11-30T14:00:00Z")
    for _ in range(3):
        asked(journey)

    assert ended(journey.look()) is EndReason.MAX_RETRY_DAYS


@pytest.mark.parametrize(
    ("max_attempts", "days", "expected"),
    [(12, 7, 30), (12, 45, 45), (12, None, None), (7, 7, 7), (3, 0, 0), (None, 7, 7)],
)
def test_p18_choosing_twelve_lifts_the_retry_days_to_thirty(
    max_attempts: int | None, days: int | None, expected: int | None
):
    followup = a_policy(max_attempts=max_attempts, max_retry_days=days)

    assert retry_days_of(followup) == expected
    assert retry_days_of(a_smart_policy(max_attempts=max_attempts, max_retry_days=days)) == days


@pytest.mark.parametrize("immediate_callback", [True, False])
def test_p18_seven_days_do_not_cut_twelve_attempts_short(immediate_callback: bool):
    policy = a_policy(max_attempts=12, max_retry_days=7, immediate_callback=immediate_callback)
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.play()

    assert len(journey.loop.history) >= 11
    assert journey.loop.history[-1] - journey.loop.history[0] > 24 * DAY


def test_d34_a_manual_call_moves_the_automatic_attempt_that_lay_within_the_hour():
    journey = Journey(a_policy(immediate_callback=False), a_lead(), MONDAY_TEN)
    journey.dial()
    soon_ms = planned(journey.look()).at_ms
    journey.now_ms = soon_ms - 20 * MINUTE
    journey.call_by_hand()

    found = planned(journey.look())
    assert found.at_ms >= journey.now_ms + HOUR
    assert rules_told(found)[0] == ("manual", "set")
    assert (found.step, len(journey.loop.history)) == (1, 2)


@pytest.mark.parametrize("strategy", ["intervals", "cadence"])
def test_d34_however_soon_the_schedule_would_have_it_an_hour_lies_after_a_manual_call(strategy: str):
    cadence = Cadence(steps=(Step(delay_after_s=1_800), Step(delay_after_s=1_800), Step()))
    policy = a_policy(strategy=strategy, intervals_s=(1_800,), cadence=cadence, jitter_max_s=0)
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.dial()
    journey.now_ms += 10 * MINUTE
    journey.call_by_hand()

    found = planned(journey.look())
    assert found.at_ms == journey.now_ms + HOUR
    assert found.step == 1


def test_d34_a_manual_call_leaves_what_lies_further_off_where_it_is():
    policy = a_smart_policy(max_retry_days=30, frequency_caps=())
    journey = Journey(policy, a_lead(), "2026-11-23T14:00:00Z")
    for _ in range(9):
        journey.dial()
    before = planned(journey.look())
    journey.call_by_hand()
    after = planned(journey.look())

    assert after.step == before.step
    assert after.at_ms >= journey.now_ms + HOUR


def test_d35_a_manual_call_that_enrols_counts_as_attempt_one():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.call_by_hand()

    found = planned(journey.look())
    assert (len(journey.loop.history), found.step, found.kind) == (1, 1, AttemptKind.CADENCE)
    assert found.at_ms == instant(MONDAY_TEN) + 3 * HOUR


def test_d34_a_manual_call_that_reached_the_person_ends_the_loop():
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_TEN)
    journey.dial()
    journey.call_by_hand(Outcome.COMPLETED)

    assert ended(journey.look()) is EndReason.REACHED


def test_folding_counts_what_an_attempt_was():
    loop = Loop(0)
    steps = [
        (Outcome.ERROR, AttemptKind.FIRST, None),
        (Outcome.NOT_REACHED, AttemptKind.FIRST, None),
        (Outcome.BUSY, AttemptKind.IMMEDIATE_CALLBACK, None),
        (Outcome.NUMBER_BLOCKED, AttemptKind.CADENCE, None),
        (Outcome.ANSWERED, AttemptKind.CADENCE, Disposition.CALLBACK),
    ]
    for number, (outcome, kind, disposition) in enumerate(steps):
        result = Result(outcome, number + 1, kind, disposition, callback_at_ms=9)
        loop = fold(loop, result, number)

    assert loop == Loop(0, 1, 3, (0, 1, 2, 3, 4), 0, 1, 1)
    assert msgspec.structs.replace(loop, blocked=0) != loop
