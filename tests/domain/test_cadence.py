"""Cadences: steps, anchors, dayparts, conditions, runs, and what follows them (MISSION C2, C9 to C18)."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from scheduler.domain.dayparts import index_at
from scheduler.domain.localtime import minute_of
from scheduler.domain.model import (
    Anchor,
    AttemptKind,
    Channel,
    Disposition,
    Ended,
    EndReason,
    OnComplete,
    Outcome,
    Range,
    Step,
)
from scheduler.domain.planner import plan
from scheduler.domain.presets import FIVE_STEP, delays_from_shown, preset_named
from scheduler.domain.time import HOUR, MINUTE
from scheduler.domain.variables import variables_of
from tests.domain.builders import (
    NEW_YORK,
    ROUND_THE_CLOCK,
    Journey,
    a_cadence_policy,
    a_lead,
    a_live_lead,
    a_policy,
    ended,
    first_plan,
    instant,
    local,
    planned,
    rules_told,
)

MONDAY_TEN = "2026-11-23T15:00:00Z"
H = 3_600


def times(journey: Journey) -> list[str]:
    return [
        local(NEW_YORK, attempt.at_ms)[:3] + local(NEW_YORK, attempt.at_ms)[14:] for attempt in journey.plans
    ]


def test_c18_the_five_step_example_is_built_exactly():
    steps = FIVE_STEP.steps

    assert [step.delay_after_s // H for step in steps] == [4, 24, 48, 72, 0]
    assert [step.caller_id for step in steps] == ["random", "random", "random", "rotate", "rotate"]
    assert [step.voicemail for step in steps] == [False, False, True, False, True]
    assert delays_from_shown((0, 4, 24, 48, 72)) == (4, 24, 48, 72, 0)


def test_c18_the_five_step_example_calls_at_once_then_4_24_48_and_72_hours_apart():
    policy = preset_named("five-step").policy(a_policy(windows=ROUND_THE_CLOCK, rules="none"))
    journey = Journey(policy, a_lead(), MONDAY_TEN)

    assert journey.play() is EndReason.CADENCE_COMPLETE

    history = journey.loop.history
    assert history[0] == instant(MONDAY_TEN)
    gaps = [(later - sooner) / HOUR for sooner, later in pairwise(history)]
    assert gaps == [4, 24, 48, 72]
    assert [attempt.step for attempt in journey.plans] == [0, 1, 2, 3, 4]
    assert [attempt.kind for attempt in journey.plans] == [AttemptKind.FIRST] + [AttemptKind.CADENCE] * 4


def test_c18_a_step_outside_the_hours_goes_to_the_next_slot_and_later_ones_count_from_it():
    policy = preset_named("five-step").policy(a_policy(jitter_max_s=0))
    journey = Journey(policy, a_lead(), "2026-11-23T21:00:00Z")
    journey.play()

    assert times(journey) == ["Mon 16:00", "Tue 09:00", "Wed 09:00", "Fri 09:00", "Mon 09:00"]


def test_c14_the_delay_follows_the_step_and_the_initial_delay_precedes_the_first():
    policy = a_cadence_policy(Step(delay_after_s=H), Step(), cadence={"initial_delay_s": 2 * H})
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.play()

    assert times(journey) == ["Mon 12:00", "Mon 13:00"]


def test_c9_the_cadence_has_hours_of_its_own_inside_those_of_the_agent():
    mornings = ((Range(480, 660),),) * 5 + ((), ())
    policy = a_cadence_policy(Step(delay_after_s=4 * H), Step(), cadence={"windows": mornings})
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.play()

    assert times(journey) == ["Mon 10:00", "Tue 09:00"]  # the agent's windows open at nine
    moved = next(why for why in journey.plans[1].why if why.effect == "moved")
    assert (moved.rule, moved.ref) == ("cadence_window", "cadence")


def test_p10_after_hours_lifts_the_agents_windows_and_not_the_cadences():
    evenings = ((Range(18 * 60, 20 * 60),),) * 7
    policy = a_cadence_policy(Step(), cadence={"windows": evenings}, live_after_hours=True)

    assert local(NEW_YORK, planned(first_plan(policy, a_live_lead(), MONDAY_TEN)).at_ms)[15:] == "18:00"
    assert ended(first_plan(policy, a_lead(), MONDAY_TEN)) is EndReason.NO_CALLABLE_TIME


def test_a_step_anchored_at_the_start_counts_from_it_and_not_from_the_step_before():
    policy = a_cadence_policy(
        Step(delay_after_s=5 * H),
        Step(anchor=Anchor.START, offset_s=2 * H),
        Step(anchor=Anchor.START, offset_s=26 * H),
    )
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.play()

    assert times(journey) == ["Mon 10:00", "Mon 12:00", "Tue 12:00"]


@pytest.mark.parametrize(("daypart", "part"), [("morning", 0), ("afternoon", 1), ("evening", 2)])
def test_a_step_keeps_to_its_daypart(daypart: str, part: int):
    policy = a_cadence_policy(Step(), Step(daypart=daypart))
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.play()

    assert index_at(minute_of("America/New_York", journey.loop.history[1])) == part


def test_a_daypart_that_never_opens_is_passed_over():
    policy = a_cadence_policy(Step(daypart="evening"), windows=((Range(480, 720),),) * 7)

    assert planned(first_plan(policy, a_lead(), MONDAY_TEN)).at_ms == instant(MONDAY_TEN)


def test_p8_rotating_steps_take_the_daypart_tried_least():
    steps = [Step(daypart="rotate", delay_after_s=H) for _ in range(6)]
    journey = Journey(a_cadence_policy(*steps), a_lead(), MONDAY_TEN)
    journey.play()

    parts = [index_at(minute_of("America/New_York", at_ms)) for at_ms in journey.loop.history]
    assert parts == [0, 1, 2, 0, 1, 2]


def test_c16_a_step_whose_condition_is_not_met_is_left_out_and_keeps_its_time():
    policy = a_cadence_policy(
        Step(delay_after_s=H), Step(when='plan == "pro"', delay_after_s=H), Step(delay_after_s=H)
    )
    pro = Journey(policy, a_lead(variables={"plan": "pro"}), MONDAY_TEN)
    free = Journey(policy, a_lead(variables={"plan": "free"}), MONDAY_TEN)
    pro.play()
    free.play()

    assert times(pro) == ["Mon 10:00", "Mon 11:00", "Mon 12:00"]
    assert times(free) == ["Mon 10:00", "Mon 12:00"]
    assert free.plans[1].step == 2
    told = free.plans[1].why[0]
    assert (told.rule, told.effect) == ("strategy", "blocked")
    assert 'plan == "pro"' in told.detail


def test_c16_a_condition_may_ask_for_the_last_outcome():
    policy = a_cadence_policy(Step(delay_after_s=H), Step(when='outcome == "voicemail"'))
    left, spoke = (Journey(policy, a_lead(), MONDAY_TEN) for _ in range(2))
    left.dial(Outcome.VOICEMAIL)
    spoke.dial(Outcome.BUSY)

    assert planned(left.look()).step == 1
    assert ended(spoke.look()) is EndReason.CADENCE_COMPLETE


def test_a_cadence_of_which_no_step_applies_is_over_and_says_so():
    found = first_plan(
        a_cadence_policy(Step(when="vip"), cadence={"on_complete": OnComplete.RESTART}), a_lead(), MONDAY_TEN
    )

    assert ended(found) is EndReason.CADENCE_COMPLETE
    assert isinstance(found, Ended)
    assert "not vip" in found.why[0].detail


def test_c10_runs_repeat_the_steps():
    policy = a_cadence_policy(Step(delay_after_s=H), Step(delay_after_s=2 * H), cadence={"runs": 2})
    journey = Journey(policy, a_lead(), MONDAY_TEN)

    assert journey.play() is EndReason.CADENCE_COMPLETE
    assert times(journey) == ["Mon 10:00", "Mon 11:00", "Mon 13:00", "Mon 14:00"]
    assert [(attempt.run, attempt.step) for attempt in journey.plans] == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_c10_a_restart_goes_on_after_its_delay_until_a_limit():
    policy = a_cadence_policy(
        Step(), cadence={"on_complete": OnComplete.RESTART, "complete_delay_s": 24 * H}, max_attempts=4
    )
    journey = Journey(policy, a_lead(), MONDAY_TEN)

    assert journey.play() is EndReason.MAX_ATTEMPTS
    assert times(journey) == ["Mon 10:00", "Tue 10:00", "Wed 10:00", "Thu 10:00"]


def test_a_restart_without_any_limit_ends_after_a_hundred_attempts():
    policy = a_cadence_policy(
        Step(), cadence={"on_complete": OnComplete.RESTART, "complete_delay_s": H}, windows=ROUND_THE_CLOCK
    )
    journey = Journey(policy, a_lead(), MONDAY_TEN)

    assert journey.play() is EndReason.MAX_ATTEMPTS
    assert len(journey.loop.history) == 100


def test_c11_the_end_hands_over_to_another_cadence_after_its_delay():
    follow = {"on_complete": OnComplete.TRANSITION, "complete_delay_s": 72 * H, "next_cadence_id": "nurture"}
    journey = Journey(a_cadence_policy(Step(delay_after_s=H), cadence=follow), a_lead(), MONDAY_TEN)
    journey.play()

    found = journey.look()
    assert isinstance(found, Ended)
    assert (found.reason, found.next_cadence_id) == (EndReason.TRANSITIONED, "nurture")
    assert found.next_start_at_ms == instant(MONDAY_TEN) + 73 * HOUR


def test_c11_a_cadence_that_is_entered_later_begins_at_its_time():
    later = instant("2026-11-25T15:00:00Z")
    journey = Journey(a_cadence_policy(Step()), a_lead(), MONDAY_TEN)
    journey.loop = msgspec.structs.replace(journey.loop, started_at_ms=later)

    assert planned(journey.look()).at_ms == later


def test_each_step_has_its_channel():
    policy = a_cadence_policy(Step(channel=Channel.SMS), Step(channel=Channel.EMAIL))
    journey = Journey(policy, a_lead(), MONDAY_TEN)
    journey.play()

    assert [attempt.channel for attempt in journey.plans] == [Channel.SMS, Channel.EMAIL]


def test_c16_variables_are_filled_from_the_lead_once():
    step = Step(variables=(("hello", "Hi {{ first_name | there }}, {{score}} {{gone}}!"),))

    filled = variables_of(step, {"first_name": "{{ score }}", "score": 12.0})
    assert filled == {"hello": "Hi {{ score }}, 12 !"}
    assert variables_of(step, {})["hello"] == "Hi there,  !"


THURSDAY_TEN = instant("2026-11-26T15:00:00Z")


def reminders(at_ms: int | None, start: str, **changes: object) -> Journey:
    policy = preset_named("appointment-reminders").policy(a_policy(jitter_max_s=0))
    return Journey(msgspec.structs.replace(policy, **changes), a_lead(appointment_at_ms=at_ms), start)


def test_d37_reminders_come_a_day_three_hours_and_one_hour_before():
    journey = reminders(instant("2026-11-26T20:00:00Z"), MONDAY_TEN)  # 15:00 in New York

    assert journey.play() is EndReason.CADENCE_COMPLETE
    assert times(journey) == ["Wed 15:00", "Thu 12:00", "Thu 14:00"]


def test_d37_a_reminder_outside_the_hours_takes_the_earlier_slot():
    journey = reminders(THURSDAY_TEN, MONDAY_TEN)
    journey.play()

    assert times(journey) == ["Wed 10:00", "Wed 17:58", "Thu 09:00"]
    moved = next(why for why in journey.plans[1].why if why.rule == "dialer_window")
    assert moved.effect == "moved"
    assert "18:00" in moved.detail
    assert moved.from_at is not None
    assert moved.to_at is not None
    assert moved.to_at < moved.from_at


def test_d24_the_earlier_slot_has_a_random_buffer_of_up_to_a_quarter_of_an_hour():
    waits = set()
    for number in range(60):
        journey = reminders(instant("2026-11-26T11:00:00Z"), MONDAY_TEN, jitter_max_s=900)
        journey.lead = msgspec.structs.replace(journey.lead, key=f"lead-{number}")
        found = planned(journey.look())
        wait_ms = instant("2026-11-24T22:58:00Z") - found.at_ms  # T-24h is Wednesday 06:00
        assert 0 <= wait_ms <= 15 * MINUTE
        assert rules_told(found)[-1] == ("jitter", "moved")
        waits.add(wait_ms)
    assert len(waits) > 50


def test_d37_reminders_of_one_morning_do_not_all_come_the_evening_before():
    journey = reminders(instant("2026-11-26T13:00:00Z"), MONDAY_TEN)  # 08:00, before the windows open
    journey.play()

    assert times(journey) == ["Tue 17:58", "Wed 17:58"]


def test_d37_reminders_that_are_moved_back_keep_an_hour_between_them():
    for number in range(40):
        journey = reminders(instant("2026-11-26T13:00:00Z"), MONDAY_TEN, jitter_max_s=7_200)
        journey.lead = msgspec.structs.replace(journey.lead, key=f"lead-{number}")
        journey.play()
        assert len(journey.plans) >= 2
        assert all(later - sooner >= HOUR for sooner, later in pairwise(journey.loop.history))


def test_a_reminder_that_is_moved_back_is_planned_at_the_same_instant_until_that_is_past():
    journey = reminders(instant("2026-11-26T11:00:00Z"), MONDAY_TEN, jitter_max_s=7_200)
    due_ms = planned(journey.look()).at_ms

    for share in (0.5, 0.9, 0.999, 1.0):
        now_ms = journey.now_ms + int((due_ms - journey.now_ms) * share)
        assert planned(plan(journey.loop, journey.policy, journey.lead, None, now_ms)).at_ms == due_ms
    late_ms = due_ms + MINUTE
    assert planned(plan(journey.loop, journey.policy, journey.lead, None, late_ms)).at_ms == late_ms


def test_d37_reminders_that_are_past_at_enrolment_are_left_out():
    journey = reminders(THURSDAY_TEN, "2026-11-26T13:30:00Z")
    found = planned(journey.look())

    assert (local(NEW_YORK, found.at_ms)[15:], found.step, found.kind) == ("09:00", 2, AttemptKind.FIRST)
    assert "left out" in found.why[0].detail


def test_a_reminder_that_is_a_little_overdue_goes_at_once():
    journey = reminders(instant("2026-11-26T20:00:00Z"), MONDAY_TEN)
    due_ms = planned(journey.look()).at_ms

    late = plan(journey.loop, journey.policy, journey.lead, None, due_ms + 10 * MINUTE)
    too_late = plan(journey.loop, journey.policy, journey.lead, None, due_ms + 16 * MINUTE)

    assert (planned(late).at_ms, planned(late).step) == (due_ms + 10 * MINUTE, 0)
    assert planned(too_late).step == 1


@pytest.mark.parametrize("said", ["confirmed", "canceled"])
def test_d37_reminders_end_on_confirm_and_cancel(said: str):
    journey = reminders(THURSDAY_TEN, MONDAY_TEN)
    journey.dial(Outcome.COMPLETED, disposition=said)

    found = journey.look()
    assert ended(found) is EndReason.CADENCE_COMPLETE
    assert isinstance(found, Ended)
    assert found.why[0].rule == "routing"


def test_d37_a_conversation_that_settles_nothing_leaves_the_other_reminders():
    journey = reminders(THURSDAY_TEN, MONDAY_TEN)
    journey.dial(Outcome.COMPLETED, disposition=Disposition.NOT_CONVERTED)

    assert planned(journey.look()).step == 1


def test_d37_nothing_comes_at_the_time_of_the_appointment_or_after():
    at_t = reminders(THURSDAY_TEN, "2026-11-26T15:00:00Z")
    assert ended(at_t.look()) is EndReason.CADENCE_COMPLETE

    journey = reminders(THURSDAY_TEN, MONDAY_TEN)
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=THURSDAY_TEN + HOUR)
    assert ended(journey.look()) is EndReason.CADENCE_COMPLETE


def test_reminders_of_a_lead_without_an_appointment_are_over_and_say_so():
    found = reminders(None, MONDAY_TEN).look()

    assert ended(found) is EndReason.CADENCE_COMPLETE
    assert isinstance(found, Ended)
    assert "no appointment" in found.why[0].detail


def test_a_step_after_the_appointment_moves_forward():
    policy = a_cadence_policy(Step(anchor=Anchor.APPOINTMENT, offset_s=9 * H))
    journey = Journey(policy, a_lead(appointment_at_ms=THURSDAY_TEN), MONDAY_TEN)
    journey.play()

    assert times(journey) == ["Fri 09:00"]


def test_the_strategy_cadence_needs_one():
    with pytest.raises(ValueError, match="needs a cadence"):
        first_plan(a_policy(strategy="cadence"), a_lead(), MONDAY_TEN)
