"""Automatic follow-up (MISSION P4 to P8, P18 and their [ours])."""

from __future__ import annotations

from itertools import pairwise

import pytest

from scheduler.domain.localtime import minute_of
from scheduler.domain.model import AttemptKind, Cap, EndReason, LaneClass, Outcome, Place, Range
from scheduler.domain.strategies.followup import offset_of
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from tests.domain.builders import (
    BANGOR,
    MIAMI,
    NEW_YORK,
    ROUND_THE_CLOCK,
    Journey,
    a_lead,
    a_live_lead,
    a_policy,
    first_plan,
    instant,
    local,
    planned,
    rules_told,
)

MONDAY_TEN = "2026-11-23T15:00:00Z"  # in New York


def test_p4_a_new_lead_is_called_at_once():
    found = planned(first_plan(a_policy(), a_live_lead(), MONDAY_TEN))

    assert found.at_ms == instant(MONDAY_TEN)
    assert (found.kind, found.lane_class, found.step) == (AttemptKind.FIRST, LaneClass.LIVE, 0)
    assert found.open_until_ms == instant("2026-11-23T23:00:00Z")
    assert rules_told(found) == [("strategy", "set"), ("statutory_window", "kept"), ("dialer_window", "kept")]


def test_a_bulk_lead_begins_on_the_bulk_lane():
    assert planned(first_plan(a_policy(), a_lead(), MONDAY_TEN)).lane_class is LaneClass.BULK


def test_p18_offsets_of_twelve_attempts_with_the_callback_and_without():
    days = [offset_of(step) / DAY for step in range(12)]

    assert days[:3] == [0, 3 / 24, 26 / 24]
    assert days[3:11] == [2, 4, 6, 9, 12, 16, 20, 25, 30][:8]
    assert days[11] == 30  # added when the callback's entry goes


@pytest.mark.parametrize("outcome", [Outcome.NOT_REACHED, Outcome.BUSY])
def test_p5_an_unanswered_first_call_is_followed_at_once(outcome: Outcome):
    journey = Journey(a_policy(), a_live_lead(), MONDAY_TEN)
    journey.dial(outcome)

    callback = planned(journey.look())

    assert callback.kind is AttemptKind.IMMEDIATE_CALLBACK
    assert callback.lane_class is LaneClass.LIVE
    assert 30 * SECOND <= callback.at_ms - journey.now_ms <= 90 * SECOND


@pytest.mark.parametrize(
    "outcome", [Outcome.VOICEMAIL, Outcome.ANSWERED, Outcome.UNKNOWN, Outcome.ERROR, Outcome.COMPLETED]
)
def test_p5_after_any_other_outcome_there_is_no_second_call_at_once(outcome: Outcome):
    journey = Journey(a_policy(stop_on="converted"), a_lead(), MONDAY_TEN)
    journey.dial(outcome)

    assert planned(journey.look()).kind is AttemptKind.CADENCE


def test_p6_the_immediate_callback_can_be_switched_off():
    journey = Journey(a_policy(immediate_callback=False), a_lead(), MONDAY_TEN)
    journey.dial()

    assert planned(journey.look()).at_ms == instant("2026-11-23T18:00:00Z")  # 3 h after the first call


def test_p6_only_the_first_call_is_followed_at_once():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial()
    journey.dial()

    assert planned(journey.look()).kind is AttemptKind.CADENCE


@pytest.mark.parametrize(
    ("started", "caps", "place"),
    [
        ("2026-11-23T22:57:30Z", (Cap(3, 86_400),), NEW_YORK),  # the windows close before there is room
        (MONDAY_TEN, (Cap(1, 86_400),), NEW_YORK),  # the account allows one call a day
        (MONDAY_TEN, (), BANGOR),  # the law wants eight hours between two calls
    ],
)
def test_an_immediate_callback_that_may_not_be_is_left_out_and_says_so(
    started: str, caps: tuple[Cap, ...], place: Place
):
    journey = Journey(a_policy(frequency_caps=caps), a_lead(place), started)
    journey.dial()

    found = planned(journey.look())

    assert found.kind is AttemptKind.CADENCE
    assert found.why[0].effect == "blocked"
    assert "second call" in found.why[0].detail
    assert found.step == 1


def test_an_immediate_callback_is_left_out_when_its_outcome_is_known_too_late():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial()
    journey.now_ms += 4 * MINUTE
    assert planned(journey.look()).kind is AttemptKind.IMMEDIATE_CALLBACK

    journey.now_ms += 10 * MINUTE

    assert planned(journey.look()).kind is AttemptKind.CADENCE


def test_p7_gaps_grow_from_hours_to_days():
    policy = a_policy(max_attempts=12, windows=ROUND_THE_CLOCK, frequency_caps=())
    journey = Journey(policy, a_lead(), "2026-11-02T14:00:00Z")

    assert journey.play() is EndReason.MAX_ATTEMPTS

    history = journey.loop.history
    assert len(history) == 12
    for n, (at_ms, offset_h) in enumerate(
        zip(history[2:], (3, 26, 48, 96, 144, 216, 288, 384, 480, 600), strict=True)
    ):
        late_h = (at_ms - history[0]) / HOUR - offset_h
        assert 0 <= late_h < 24, f"attempt {n + 3}"
    gaps = [later - sooner for sooner, later in pairwise(history)]
    assert min(gaps[1:]) >= 2 * HOUR
    assert max(gaps[:3]) < min(gaps[6:])


def test_gaps_go_on_growing_when_closed_days_held_the_loop_up():
    friday_evening = "2026-11-20T22:30:00Z"
    journey = Journey(a_policy(), a_lead(), friday_evening)
    journey.play()

    history = journey.loop.history
    gaps_h = [(later - sooner) / HOUR for sooner, later in pairwise(history[2:])]
    assert gaps_h[0] >= 11.5
    assert gaps_h[1] >= 11
    assert gaps_h[2] >= 24


@pytest.mark.parametrize("started", ["2026-11-23T14:00:00Z", "2026-11-20T20:30:00Z", "2026-11-25T22:40:00Z"])
def test_at_most_three_attempts_lie_in_any_day_by_construction(started: str):
    journey = Journey(a_policy(frequency_caps=(), max_attempts=12), a_lead(), started)
    journey.play()

    history = journey.loop.history
    assert all(later - sooner > DAY for sooner, later in zip(history, history[3:], strict=False))


def test_p3_p8_attempts_rotate_over_the_times_of_day_where_the_lead_is():
    policy = a_policy(windows=ROUND_THE_CLOCK, max_attempts=12, immediate_callback=False)
    journey = Journey(policy, a_lead(), "2026-11-02T14:00:00Z")
    journey.play()

    hours = [minute_of("America/New_York", at_ms) / 60 for at_ms in journey.loop.history]
    parts = ["morning" if hour < 12 else "afternoon" if hour < 17 else "evening" for hour in hours]
    assert {part: parts.count(part) for part in set(parts)} == {"morning": 4, "afternoon": 4, "evening": 4}
    assert parts[:3] == ["morning", "afternoon", "evening"]


def test_p8_a_daypart_that_the_windows_leave_empty_is_skipped():
    mornings = ((Range(480, 720),),) * 7
    journey = Journey(a_policy(windows=mornings), a_lead(), "2026-11-23T14:00:00Z")
    assert journey.play() is EndReason.MAX_ATTEMPTS

    assert {local(NEW_YORK, at_ms)[15:17] for at_ms in journey.loop.history} <= {"08", "09", "10", "11"}


@pytest.mark.parametrize("attempts", [3, 7, 12])
def test_p18_the_loop_ends_after_its_attempts_however_they_ended(attempts: int):
    journey = Journey(a_policy(max_attempts=attempts), a_lead(), MONDAY_TEN)

    assert (
        journey.play(lambda n: Outcome.VOICEMAIL if n % 2 else Outcome.NOT_REACHED) is EndReason.MAX_ATTEMPTS
    )
    assert len(journey.loop.history) == attempts


def test_p13_twelve_attempts_of_which_the_callback_was_none_go_on_to_the_thirtieth_day():
    journey = Journey(a_policy(max_attempts=12), a_lead(), MONDAY_TEN)
    journey.play(lambda _n: Outcome.VOICEMAIL)

    assert AttemptKind.IMMEDIATE_CALLBACK not in {attempt.kind for attempt in journey.plans}
    assert journey.loop.history[-1] - journey.loop.history[0] >= 30 * DAY


def test_without_a_limit_of_attempts_the_days_end_it():
    journey = Journey(a_policy(max_attempts=None, max_retry_days=60), a_lead(), MONDAY_TEN)

    assert journey.play() is EndReason.MAX_RETRY_DAYS
    assert len(journey.loop.history) > 15


def test_a_cap_in_florida_moves_the_plan_itself_not_only_the_claim():
    policy = a_policy(frequency_caps=(), windows=ROUND_THE_CLOCK, max_attempts=12)
    contacts = tuple(instant(f"2026-11-23T{hour}:00:00Z") for hour in (21, 22, 23))
    lead = a_lead(MIAMI, contacts=contacts)

    found = planned(first_plan(policy, lead, "2026-11-24T14:00:00Z"))

    assert found.at_ms >= instant("2026-11-24T21:01:00Z")
    moved = next(why for why in found.why if why.rule == "frequency_cap")
    assert (moved.effect, moved.to_at) == ("moved", instant("2026-11-24T21:01:00Z"))
    assert moved.ref.startswith("US-FL")
