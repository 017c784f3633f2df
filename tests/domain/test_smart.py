"""Smart calling (MISSION D8 to D19 and their [ours])."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from scheduler.domain.dayparts import index_at, rotation
from scheduler.domain.localtime import day_of, minute_of
from scheduler.domain.model import EndReason, Loop, NoCallDay, Outcome, Range, Result, Week
from scheduler.domain.numbers import place_of
from scheduler.domain.planner import plan
from scheduler.domain.time import HOUR, MINUTE
from scheduler.domain.windows import BUSINESS_WEEK
from tests.domain.builders import (
    BANGOR,
    MIAMI,
    NEW_YORK,
    ROUND_THE_CLOCK,
    Journey,
    a_lead,
    a_smart_policy,
    first_plan,
    instant,
    local,
    planned,
)

MONDAY_NINE = "2026-11-02T14:00:00Z"  # in New York, after the clocks have changed
ZONE = "America/New_York"


def attempts_by_day(journey: Journey) -> dict[int, int]:
    days = [day_of(ZONE, at_ms) for at_ms in journey.loop.history]
    return dict(Counter(day - days[0] + 1 for day in days))


def test_moderate_is_three_then_two_a_day_then_one_then_one_a_week():
    policy = a_smart_policy(windows=ROUND_THE_CLOCK, max_retry_days=40)
    journey = Journey(policy, a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_RETRY_DAYS

    daily = {1: 3} | dict.fromkeys((2, 3, 4), 2) | dict.fromkeys(range(5, 12), 1)
    assert attempts_by_day(journey) == daily | dict.fromkeys((18, 25, 32, 39), 1)


def test_d11_d12_d13_d14_aggressive_is_three_then_two_a_day_then_one_and_never_weekly():
    policy = a_smart_policy(intensity="aggressive", windows=ROUND_THE_CLOCK, max_retry_days=90)
    journey = Journey(policy, a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_RETRY_DAYS

    daily = {1: 3} | dict.fromkeys(range(2, 11), 2) | dict.fromkeys(range(11, 92), 1)
    assert attempts_by_day(journey) == daily
    first, second, third = journey.loop.history[:3]
    assert 50 * MINUTE <= second - first <= 72 * MINUTE
    assert 50 * MINUTE <= third - second <= 72 * MINUTE


@pytest.mark.parametrize("windows", [ROUND_THE_CLOCK, BUSINESS_WEEK])
def test_d12_two_a_day_are_morning_and_afternoon_or_afternoon_and_evening(windows: Week):
    pairs: Counter[tuple[int, ...]] = Counter()
    for number in range(20):
        policy = a_smart_policy(intensity="aggressive", windows=windows, max_retry_days=9, frequency_caps=())
        journey = Journey(policy, a_lead(key=f"lead-{number}"), MONDAY_NINE)
        journey.play()
        days: dict[int, list[int]] = {}
        for at_ms in journey.loop.history[3:]:
            days.setdefault(day_of(ZONE, at_ms), []).append(index_at(minute_of(ZONE, at_ms)))
        pairs.update(tuple(parts) for parts in days.values())

    assert set(pairs) == {(0, 1), (1, 2)}
    assert min(pairs.values()) > 20, pairs


def test_conservative_is_two_then_one_a_day_then_every_third_day_then_weekly():
    policy = a_smart_policy(intensity="conservative", windows=ROUND_THE_CLOCK, max_retry_days=45)
    journey = Journey(policy, a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_RETRY_DAYS

    daily = {1: 2} | dict.fromkeys((2, 3, 4), 1) | dict.fromkeys((7, 10, 13), 1)
    assert attempts_by_day(journey) == daily | dict.fromkeys((20, 27, 34, 41), 1)
    parts = [index_at(minute_of(ZONE, at_ms)) for at_ms in journey.loop.history[-4:]]
    assert len(set(parts)) == 3, "weekly attempts rotate over the times of day"


def test_conservative_has_four_hours_and_another_daypart_between_the_calls_of_day_one():
    for number in range(50):
        policy = a_smart_policy(intensity="conservative", windows=ROUND_THE_CLOCK)
        journey = Journey(policy, a_lead(key=f"lead-{number}"), MONDAY_NINE)
        journey.dial()
        journey.dial()
        first, second = journey.loop.history
        assert second - first >= 4 * HOUR
        assert index_at(minute_of(ZONE, second)) != index_at(minute_of(ZONE, first))
        assert day_of(ZONE, second) == day_of(ZONE, first)


def test_conservative_drops_what_does_not_fit_into_day_one():
    policy = a_smart_policy(intensity="conservative")
    journey = Journey(policy, a_lead(), "2026-11-02T20:00:00Z")  # 15:00, the windows close at 18:00
    journey.play()

    assert attempts_by_day(journey)[1] == 1
    assert attempts_by_day(journey)[2] == 1


@pytest.mark.parametrize("intensity", ["aggressive", "moderate"])
def test_every_full_day_has_both_its_attempts_in_business_hours(intensity: str):
    for number in range(40):
        policy = a_smart_policy(intensity=intensity, max_retry_days=3)
        journey = Journey(policy, a_lead(key=f"lead-{number}"), MONDAY_NINE)
        journey.play()
        assert attempts_by_day(journey) == {1: 3, 2: 2, 3: 2, 4: 2}


def test_d17_seven_retry_days_are_twelve_attempts_on_days_one_to_eight():
    policy = a_smart_policy(windows=ROUND_THE_CLOCK)
    journey = Journey(policy, a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_RETRY_DAYS
    assert attempts_by_day(journey) == {1: 3, 2: 2, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 1}


def test_d17_no_retry_days_means_the_first_day_only():
    journey = Journey(a_smart_policy(max_retry_days=0), a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_RETRY_DAYS
    assert set(attempts_by_day(journey)) == {1}


def test_d18_attempts_end_it_when_they_are_used_up_first():
    journey = Journey(a_smart_policy(max_attempts=5), a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_ATTEMPTS
    assert len(journey.loop.history) == 5


def test_the_attempts_of_day_one_are_about_an_hour_apart():
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_NINE)
    for _ in range(3):
        journey.dial()

    first, second, third = journey.loop.history
    assert 50 * MINUTE <= second - first <= 72 * MINUTE
    assert 50 * MINUTE <= third - second <= 72 * MINUTE


def test_attempts_of_day_one_that_do_not_fit_are_dropped_and_not_carried_over():
    journey = Journey(a_smart_policy(), a_lead(), "2026-11-02T22:30:00Z")  # 17:30, the windows close at 18:00
    journey.dial()

    found = planned(journey.look())

    assert local(NEW_YORK, found.at_ms).startswith("Tue")
    assert (found.why[0].rule, found.why[0].effect) == ("strategy", "blocked")
    journey.play()
    assert attempts_by_day(journey)[1] == 1
    assert attempts_by_day(journey)[2] == 2


def test_two_attempts_of_a_day_lie_in_different_dayparts_and_two_hours_apart():
    for number in range(20):
        policy = a_smart_policy(windows=ROUND_THE_CLOCK)
        journey = Journey(policy, a_lead(key=f"lead-{number}"), MONDAY_NINE)
        journey.play()
        history = journey.loop.history
        for sooner, later in pairwise(history[3:]):
            if day_of(ZONE, sooner) == day_of(ZONE, later):
                assert index_at(minute_of(ZONE, sooner)) < index_at(minute_of(ZONE, later))
                assert later - sooner >= 2 * HOUR


def test_the_first_attempt_of_a_day_leaves_a_daypart_for_the_second():
    one_in_the_afternoon = "2026-11-02T18:00:00Z"
    journey = Journey(a_smart_policy(frequency_caps=()), a_lead(), one_in_the_afternoon)
    for _ in range(5):
        journey.dial()

    fourth, fifth = (local(NEW_YORK, at_ms) for at_ms in journey.loop.history[3:])
    assert fourth[:14] == fifth[:14] == "Tue 2026-11-03"
    assert fourth[15:] < "12:00" < "17:00" <= fifth[15:]  # the evening, tried least, would have been the last


def test_a_day_never_has_two_attempts_in_one_daypart_however_little_that_was_tried():
    # many in the afternoon and evening of day 1, then the first of day 2 in the morning: tried least still
    day_one = [instant(f"2026-11-02T{hour}:00:00Z") for hour in (18, 19, 20, 23)] + [
        instant("2026-11-03T00:30:00Z")
    ]
    morning = instant("2026-11-03T14:10:00Z")
    loop = Loop(day_one[0], step=6, history=(*day_one, morning))
    last = Result(Outcome.NOT_REACHED, morning + 30_000)

    found = planned(plan(loop, a_smart_policy(frequency_caps=()), a_lead(), last, morning + MINUTE))

    assert local(NEW_YORK, found.at_ms).startswith("Tue 2026-11-03")
    assert local(NEW_YORK, found.at_ms)[15:] >= "12:00"


def test_d15_the_minute_is_drawn_uniformly_inside_window_and_daypart():
    minutes = []
    for number in range(400):
        journey = Journey(a_smart_policy(), a_lead(key=f"lead-{number}"), "2026-11-02T22:30:00Z")
        journey.dial()
        found = planned(journey.look())
        minutes.append(minute_of(ZONE, found.at_ms))
        assert found.why[-1].rule == "daypart"

    mornings = [minute for minute in minutes if minute < 12 * 60]
    # after an evening call the morning comes first, and leaves a part for the second call of the day
    assert mornings == minutes
    quarter = [
        sum(9 * 60 + 45 * n <= minute < 9 * 60 + 45 * (n + 1) for minute in mornings) for n in range(4)
    ]
    assert min(quarter) > 60, quarter  # 100 expected in each, standard deviation 9


def test_d15_the_same_seed_draws_the_same_and_another_seed_another_minute():
    def third_day(seed: int) -> int:
        journey = Journey(a_smart_policy(seed=seed), a_lead(), MONDAY_NINE)
        journey.play()
        return journey.loop.history[-1]

    assert third_day(1) == third_day(1)
    assert third_day(1) != third_day(2)


def test_closed_days_are_lost_and_not_carried_over():
    policy = a_smart_policy(no_call_days=(NoCallDay("2026-11-03", "Election day"),), max_retry_days=3)
    journey = Journey(policy, a_lead(), MONDAY_NINE)
    journey.play()

    assert attempts_by_day(journey) == {1: 3, 3: 2, 4: 2}


def test_florida_and_the_account_never_see_a_fourth_call_in_a_rolling_day():
    journey = Journey(a_smart_policy(windows=ROUND_THE_CLOCK), a_lead(MIAMI), "2026-11-02T21:00:00Z")
    journey.play()

    history = journey.loop.history
    assert attempts_by_day(journey)[1] == 3
    assert (
        local(MIAMI, history[3])[15:] > "16:01"
    )  # the morning of day 2 is planned later, not blocked at nine
    assert all(later - sooner > 24 * HOUR for sooner, later in zip(history, history[3:], strict=False))


def test_maine_has_eight_hours_between_two_calls_of_an_ai():
    journey = Journey(a_smart_policy(windows=ROUND_THE_CLOCK), a_lead(BANGOR), MONDAY_NINE)
    journey.play()

    history = journey.loop.history
    assert all(later - sooner > 8 * HOUR for sooner, later in pairwise(history))
    assert max(attempts_by_day(journey).values()) == 1  # the day is eight hours long


def test_hours_in_no_daypart_are_used_all_the_same():
    nights = ((Range(1260, 1440),),) * 7
    policy = a_smart_policy(windows=nights, rules="none", max_attempts=6)
    journey = Journey(policy, a_lead(), "2026-11-03T02:30:00Z")

    assert journey.play() is EndReason.MAX_ATTEMPTS


def test_a_toll_free_lead_is_called_in_the_hours_that_hold_in_every_state():
    lead = a_lead(place_of("+18005550100"))
    journey = Journey(a_smart_policy(windows=ROUND_THE_CLOCK, max_attempts=4), lead, MONDAY_NINE)

    assert journey.play() is EndReason.MAX_ATTEMPTS
    assert {local(NEW_YORK, at_ms)[15:17] for at_ms in journey.loop.history} <= {"15", "16"}


def test_an_error_waits_a_quarter_of_an_hour_and_counts_on_its_day():
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_NINE)
    journey.dial(Outcome.ERROR)

    assert planned(journey.look()).at_ms - journey.now_ms >= 15 * MINUTE


def test_an_unknown_intensity_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="aggressive, moderate, conservative"):
        first_plan(a_smart_policy(intensity="frantic"), a_lead(), MONDAY_NINE)


@pytest.mark.parametrize(
    ("tried", "order"),
    [
        ([], (0, 1, 2)),
        ([0], (1, 2, 0)),
        ([0, 1], (2, 0, 1)),
        ([2], (0, 1, 2)),
        ([0, 0, 1], (2, 1, 0)),
        ([1, 2, 0], (1, 2, 0)),
        ([1, 1, 0, 2], (0, 2, 1)),
    ],
)
def test_the_next_daypart_is_the_least_tried_then_the_one_after_the_last(
    tried: list[int], order: tuple[int, ...]
):
    assert rotation(tried) == order


def test_a_day_begun_at_midnight_counts_in_the_zone_of_the_lead():
    late = "2026-11-03T01:30:00Z"  # Monday 20:30 in New York, Tuesday in UTC
    journey = Journey(a_smart_policy(windows=ROUND_THE_CLOCK), a_lead(), late)
    journey.dial()

    found = planned(journey.look())

    assert local(NEW_YORK, found.at_ms).startswith("Tue 2026-11-03")
    assert found.at_ms > instant(late)
