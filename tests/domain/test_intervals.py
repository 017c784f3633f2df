"""Defined intervals (MISSION D7 and its [ours])."""

from __future__ import annotations

from itertools import pairwise

import pytest

from scheduler.domain.model import DEFAULT_INTERVALS_S, EndReason, Outcome
from scheduler.domain.strategies.intervals import check_intervals, wait_text
from scheduler.domain.time import DAY, MINUTE, SECOND
from scheduler.errors import SettingsError
from tests.domain.builders import (
    NEW_YORK,
    ROUND_THE_CLOCK,
    Journey,
    a_lead,
    a_policy,
    first_plan,
    instant,
    local,
    planned,
)

MONDAY_NINE = "2026-11-23T14:00:00Z"


def an_interval_policy(*waits_s: int, **changes: object):
    settings = {"strategy": "intervals", "jitter_max_s": 0, "frequency_caps": (), "stop_on": "reached"}
    if waits_s:
        settings["intervals_s"] = waits_s
    return a_policy(**(settings | changes))


def test_the_default_is_20_min_1_h_2_h_30_4_h_24_h_48_h_and_seven_attempts():
    journey = Journey(an_interval_policy(rules="none", windows=ROUND_THE_CLOCK), a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_ATTEMPTS
    gaps = [(later - sooner) // MINUTE for sooner, later in pairwise(journey.loop.history)]
    assert gaps == [20, 60, 150, 240, 1440, 2880]
    assert [minutes * 60 for minutes in gaps] == list(DEFAULT_INTERVALS_S)


def test_the_last_interval_repeats():
    journey = Journey(
        an_interval_policy(600, 1_200, rules="none", windows=ROUND_THE_CLOCK), a_lead(), MONDAY_NINE
    )
    journey.play()

    assert [(b - a) // SECOND for a, b in pairwise(journey.loop.history)] == [600] + [1_200] * 5


def test_a_time_outside_the_window_goes_to_the_next_slot_and_later_waits_count_from_the_real_call():
    journey = Journey(an_interval_policy(4 * 3_600, max_attempts=4), a_lead(), "2026-11-23T20:00:00Z")
    journey.play()

    assert [local(NEW_YORK, at_ms)[:3] + local(NEW_YORK, at_ms)[14:] for at_ms in journey.loop.history] == [
        "Mon 15:00",
        "Tue 09:00",
        "Tue 13:00",
        "Tue 17:00",
    ]


def test_d24_a_time_that_was_moved_has_a_random_buffer_and_one_that_was_not_has_none():
    journey = Journey(an_interval_policy(4 * 3_600, jitter_max_s=900), a_lead(), "2026-11-23T20:00:00Z")
    journey.dial()
    moved = planned(journey.look()).at_ms - instant("2026-11-24T14:00:00Z")
    journey.dial()

    assert 0 < moved <= 900 * SECOND
    assert planned(journey.look()).at_ms == journey.loop.history[-1] + 4 * 3_600 * SECOND


def test_a_wait_that_ends_during_the_call_is_over_when_the_call_is():
    journey = Journey(an_interval_policy(60), a_lead(), MONDAY_NINE)
    journey.dial()
    talked_ms = journey.loop.history[-1] + 7 * MINUTE
    assert journey.last is not None
    journey.take(0, journey.now_ms, journey.last.kind, Outcome.ANSWERED)
    journey.last = type(journey.last)(Outcome.ANSWERED, talked_ms)

    assert planned(journey.look()).at_ms == talked_ms


def test_d30_after_an_error_the_wait_is_a_quarter_of_an_hour_at_least():
    journey = Journey(an_interval_policy(60, 7_200), a_lead(), MONDAY_NINE)
    journey.dial(Outcome.ERROR)
    assert planned(journey.look()).at_ms == journey.now_ms + 15 * MINUTE

    journey.dial(Outcome.BUSY)
    journey.dial(Outcome.ERROR)
    assert planned(journey.look()).at_ms == journey.loop.history[-1] + 7_200 * SECOND


def test_the_days_may_be_the_only_limit():
    journey = Journey(an_interval_policy(86_400, max_attempts=None, max_retry_days=4), a_lead(), MONDAY_NINE)

    assert journey.play() is EndReason.MAX_RETRY_DAYS
    assert len(journey.loop.history) == 5


@pytest.mark.parametrize("waits_s", [(60,), (7_776_000,), (60,) * 50])
def test_intervals_within_their_bounds_are_taken(waits_s: tuple[int, ...]):
    check_intervals(waits_s)


@pytest.mark.parametrize("waits_s", [(), (59,), (7_776_001,), (60,) * 51, (-60,)])
def test_intervals_beyond_their_bounds_are_refused(waits_s: tuple[int, ...]):
    with pytest.raises(SettingsError):
        check_intervals(waits_s)


def test_no_intervals_are_an_error_and_not_an_endless_loop():
    with pytest.raises(ValueError, match="empty"):
        first_plan(a_policy(strategy="intervals", intervals_s=()), a_lead(), MONDAY_NINE)


@pytest.mark.parametrize(
    ("wait_s", "text"),
    [
        (0, "0 s"),
        (90, "1 min 30 s"),
        (5_400, "1 h 30 min"),
        (172_800, "2 d"),
        (DAY // SECOND + 60, "1 d 1 min"),
    ],
)
def test_waits_are_told_in_units_that_people_use(wait_s: int, text: str):
    assert wait_text(wait_s) == text
