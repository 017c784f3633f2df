"""What ends a loop, callbacks, replanning, and what `why[]` tells (MISSION P9 to P18, D16 to D32)."""

from __future__ import annotations

import pytest

from scheduler.domain.model import (
    AttemptKind,
    Disposition,
    Ended,
    EndReason,
    LaneClass,
    NoCallDay,
    Outcome,
    Place,
    Policy,
    Range,
)
from scheduler.domain.numbers import place_of
from scheduler.domain.planner import plan
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from tests.domain.builders import (
    NEW_YORK,
    ROUND_THE_CLOCK,
    Journey,
    a_lead,
    a_live_lead,
    a_policy,
    a_smart_policy,
    ended,
    first_plan,
    instant,
    local,
    planned,
    rules_told,
)

MONDAY_TEN = "2026-11-23T15:00:00Z"


@pytest.mark.parametrize(
    ("outcome", "disposition", "reason"),
    [
        (Outcome.COMPLETED, Disposition.CONVERTED, EndReason.CONVERTED),
        (Outcome.ANSWERED, Disposition.APPOINTMENT, EndReason.CONVERTED),
        (Outcome.ANSWERED, Disposition.DNC, EndReason.DNC),
        (Outcome.COMPLETED, Disposition.COMPLAINT, EndReason.DNC),
        (Outcome.ANSWERED, Disposition.WRONG_NUMBER, EndReason.INVALID_NUMBER),
        (Outcome.INVALID_NUMBER, None, EndReason.INVALID_NUMBER),
    ],
)
@pytest.mark.parametrize("stop_on", ["reached", "converted"])
def test_p15_d32_results_that_end_every_loop(
    outcome: Outcome, disposition: Disposition | None, reason: EndReason, stop_on: str
):
    journey = Journey(a_policy(stop_on=stop_on), a_lead(), MONDAY_TEN)
    journey.dial(outcome, disposition=disposition)

    found = journey.look()

    assert ended(found) is reason
    assert isinstance(found, Ended)
    assert found.why[0].detail


def test_d25_d26_a_completed_call_is_reached_and_ends_the_loop():
    journey = Journey(a_policy(stop_on="reached"), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.COMPLETED, disposition=Disposition.NOT_CONVERTED)

    assert ended(journey.look()) is EndReason.REACHED


@pytest.mark.parametrize(
    "outcome", [Outcome.COMPLETED, Outcome.ANSWERED, Outcome.VOICEMAIL, Outcome.NOT_REACHED, Outcome.UNKNOWN]
)
def test_p17_answered_but_not_converted_stays_until_its_attempts_are_used(outcome: Outcome):
    journey = Journey(a_policy(stop_on="converted"), a_lead(), MONDAY_TEN)

    assert journey.play(lambda _n: outcome) is EndReason.MAX_ATTEMPTS
    assert len(journey.loop.history) == 7


@pytest.mark.parametrize("outcome", [Outcome.VOICEMAIL, Outcome.NOT_REACHED, Outcome.BUSY, Outcome.ANSWERED])
def test_d27_d28_d31_what_is_not_reached_is_tried_again(outcome: Outcome):
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_TEN)
    journey.dial(outcome)

    assert planned(journey.look()).kind is AttemptKind.CADENCE


def test_an_unknown_outcome_is_timed_like_one_that_was_not_reached():
    times = []
    for outcome in (Outcome.UNKNOWN, Outcome.NOT_REACHED):
        journey = Journey(a_policy(immediate_callback=False), a_lead(), MONDAY_TEN)
        journey.dial(outcome)
        times.append(planned(journey.look()).at_ms)

    assert times[0] == times[1]


def test_d30_two_errors_in_a_row_end_the_loop_the_second_a_quarter_of_an_hour_later():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.ERROR)
    again = planned(journey.look())

    assert again.at_ms == journey.now_ms + 15 * MINUTE
    assert again.step == 0
    journey.dial(Outcome.ERROR)
    assert ended(journey.look()) is EndReason.CONSECUTIVE_ERRORS


def test_d30_any_other_outcome_between_two_errors_starts_the_count_anew():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    for outcome in (Outcome.ERROR, Outcome.NOT_REACHED, Outcome.ERROR):
        journey.dial(outcome)

    assert planned(journey.look())
    assert journey.loop.consecutive_errors == 1


def test_an_attempt_that_failed_takes_no_step_but_is_an_attempt():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial()
    journey.dial()
    journey.dial(Outcome.ERROR)

    assert (journey.loop.step, len(journey.loop.history)) == (1, 3)
    assert planned(journey.look()).step == 1


def test_p16_d29_a_callback_replaces_the_schedule_at_the_time_asked_for():
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_TEN)
    asked = instant("2026-11-24T19:17:00Z")
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=asked)

    found = planned(journey.look())

    assert (found.at_ms, found.kind, found.lane_class) == (asked, AttemptKind.CALLBACK, LaneClass.CALLBACK)
    assert rules_told(found)[0] == ("callback", "set")
    assert journey.loop.postponed == 1


def test_p16_the_cadence_goes_on_after_the_callback():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    asked = instant("2026-11-25T19:17:00Z")
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=asked)
    journey.dial()

    found = planned(journey.look())

    assert (found.kind, found.step) == (AttemptKind.CADENCE, 1)
    assert found.at_ms >= asked + 2 * HOUR


def test_p16_a_callback_outside_the_hours_goes_to_the_next_slot_with_jitter():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    asked = instant("2026-11-24T02:30:00Z")  # 21:30 where the lead is
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=asked)

    found = planned(journey.look())

    assert instant("2026-11-24T14:00:00Z") <= found.at_ms <= instant("2026-11-24T14:15:00Z")
    assert ("dialer_window", "moved") in rules_told(found)


def test_d42_a_callback_asked_for_survives_the_retry_days_but_not_the_last_attempt():
    asked = instant("2026-12-14T15:00:00Z")
    journey = Journey(a_smart_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.COMPLETED, disposition=Disposition.CALLBACK, callback_at_ms=asked)
    assert planned(journey.look()).at_ms == asked

    last = Journey(a_policy(max_attempts=1), a_lead(), MONDAY_TEN)
    last.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=asked)
    assert ended(last.look()) is EndReason.MAX_ATTEMPTS


def test_a_callback_without_a_time_leaves_the_schedule_as_it_is():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK)

    assert planned(journey.look()).kind is AttemptKind.CADENCE
    assert journey.loop.postponed == 0


def test_a_callback_that_time_has_passed_is_due_at_once():
    journey = Journey(a_policy(), a_lead(), MONDAY_TEN)
    journey.dial(Outcome.ANSWERED, disposition=Disposition.CALLBACK, callback_at_ms=instant(MONDAY_TEN))
    journey.now_ms += HOUR

    assert planned(journey.look()).at_ms == journey.now_ms


def test_p9_d24_a_lead_of_the_night_waits_for_the_opening_and_up_to_a_quarter_of_an_hour():
    waits = []
    for number in range(300):
        found = planned(first_plan(a_policy(), a_lead(key=f"lead-{number}"), "2026-11-23T08:00:00Z"))
        waits.append(found.at_ms - instant("2026-11-23T14:00:00Z"))
        assert rules_told(found)[-1] == ("jitter", "moved")

    assert min(waits) >= 0
    assert max(waits) <= 15 * MINUTE
    fifths = [sum(3 * n <= wait / MINUTE < 3 * (n + 1) for wait in waits) for n in range(5)]
    assert min(fifths) > 35, fifths  # 60 expected in each, standard deviation 7


def test_jitter_never_leaves_the_window_however_short_it_is():
    five_minutes = ((Range(540, 545),),) * 7
    for number in range(50):
        found = planned(
            first_plan(a_policy(windows=five_minutes), a_lead(key=f"lead-{number}"), "2026-11-23T08:00:00Z")
        )
        assert found.at_ms <= instant("2026-11-23T14:03:00Z")
        assert found.open_until_ms - found.at_ms >= 120 * SECOND


def test_p10_a_live_lead_may_be_called_after_hours_when_the_switch_is_on_but_within_the_law():
    evening, night = "2026-11-24T00:30:00Z", "2026-11-24T02:30:00Z"  # 19:30 and 21:30 in New York

    after_hours = a_policy(live_after_hours=True)
    assert planned(first_plan(after_hours, a_live_lead(), evening)).at_ms == instant(evening)
    assert planned(first_plan(after_hours, a_live_lead(), night)).at_ms >= instant("2026-11-24T13:00:00Z")
    assert planned(first_plan(after_hours, a_lead(), evening)).at_ms >= instant("2026-11-24T14:00:00Z")
    assert planned(first_plan(a_policy(), a_live_lead(), evening)).at_ms >= instant("2026-11-24T14:00:00Z")


def test_p11_the_law_of_every_candidate_place_counts():
    both_coasts = Place(
        ("America/Los_Angeles", "America/New_York"), ("US-CA", "US-FL"), ("America/New_York",), "stated"
    )
    policy = a_policy(windows=ROUND_THE_CLOCK)

    early = planned(first_plan(policy, a_lead(both_coasts), "2026-11-23T14:00:00Z"))

    # nine in Los Angeles (California, artificial voice) is noon in New York; Florida closes there at eight
    assert early.at_ms >= instant("2026-11-23T17:00:00Z")
    assert early.open_until_ms == instant("2026-11-24T01:00:00Z")
    told = next(why for why in early.why if why.rule == "statutory_window")
    assert "US-CA" in told.ref
    assert "09:00 America/Los_Angeles" in told.detail


def test_why_cites_the_region_whose_hours_decide():
    place = Place(("America/New_York",), ("US-FL", "US-KY"), ("America/New_York",), "stated")
    policy = a_policy(windows=ROUND_THE_CLOCK)

    early = planned(first_plan(policy, a_lead(place), "2026-11-23T14:00:00Z"))
    noon = planned(first_plan(policy, a_lead(place), "2026-11-23T17:00:00Z"))

    opens, closes = (
        next(why for why in found.why if why.rule == "statutory_window") for found in (early, noon)
    )
    assert (opens.effect, opens.ref[:5]) == ("moved", "US-KY")
    assert (closes.effect, closes.ref[:5]) == ("kept", "US-FL")
    assert "20:00" in closes.detail


def test_d21_a_no_call_day_moves_the_call_and_names_the_day():
    policy = a_policy(no_call_days=(NoCallDay("2026-11-23", "Founders' Day"),))

    found = planned(first_plan(policy, a_lead(), MONDAY_TEN))

    assert local(NEW_YORK, found.at_ms).startswith("Tue 2026-11-24 09:")
    told = next(why for why in found.why if why.rule == "no_call_day")
    assert "2026-11-23 Founders' Day" in told.detail


def test_no_opening_within_thirty_days_ends_the_loop_and_says_why():
    closed = first_plan(a_policy(), a_lead(place_of("+18765550123")), MONDAY_TEN)
    never = first_plan(a_policy(windows=((),) * 7), a_lead(), MONDAY_TEN)

    assert ended(closed) is ended(never) is EndReason.NO_CALLABLE_TIME
    assert isinstance(closed, Ended)
    assert isinstance(never, Ended)
    assert "no rule known for JM" in closed.why[-1].detail
    assert rules_told(never) == [("dialer_window", "blocked")]


def test_without_rules_an_unknown_country_has_our_windows_alone():
    found = planned(first_plan(a_policy(rules="none"), a_lead(place_of("+18765550123")), MONDAY_TEN))

    assert found.at_ms == instant(MONDAY_TEN)
    assert rules_told(found) == [("strategy", "set"), ("dialer_window", "kept")]


def test_a_call_is_never_planned_into_the_last_two_minutes():
    last_minutes = planned(first_plan(a_policy(), a_lead(), "2026-11-23T22:58:01Z"))
    just_in_time = planned(first_plan(a_policy(), a_lead(), "2026-11-23T22:58:00Z"))

    assert last_minutes.at_ms >= instant("2026-11-24T14:00:00Z")
    assert just_in_time.at_ms == instant("2026-11-23T22:58:00Z")


def test_an_unknown_strategy_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="cadence, followup, intervals, smart"):
        first_plan(a_policy(strategy="astrology"), a_lead(), MONDAY_TEN)


@pytest.mark.parametrize("policy", [a_policy(), a_smart_policy()])
def test_planning_again_later_gives_the_same_instant_until_it_is_past(policy: Policy):
    journey = Journey(policy, a_lead(), "2026-11-20T21:00:00Z")
    for _ in range(6):
        found = planned(journey.look())
        for share in (0.25, 0.5, 0.75, 1.0):
            now_ms = journey.now_ms + int((found.at_ms - journey.now_ms) * share)
            again = plan(journey.loop, journey.policy, journey.lead, journey.last, now_ms)
            assert planned(again).at_ms == found.at_ms
        overdue = plan(journey.loop, journey.policy, journey.lead, journey.last, found.at_ms + 20 * DAY)
        assert not hasattr(overdue, "at_ms") or overdue.at_ms >= found.at_ms + 20 * DAY
        journey.dial()


def test_p12_an_overdue_call_is_planned_anew_at_once_inside_the_hours():
    journey = Journey(a_policy(immediate_callback=False), a_lead(), MONDAY_TEN)
    journey.dial()
    after_a_pause = instant("2026-12-01T16:00:00Z")

    found = planned(plan(journey.loop, journey.policy, journey.lead, journey.last, after_a_pause))

    assert local(NEW_YORK, found.at_ms).startswith("Tue 2026-12-01")
    assert found.at_ms >= after_a_pause


def test_every_line_of_why_has_a_rule_and_an_effect_that_the_api_knows():
    known = {
        "strategy",
        "daypart",
        "callback",
        "dialer_window",
        "statutory_window",
        "no_call_day",
        "frequency_cap",
        "jitter",
    }
    for policy in (a_policy(), a_smart_policy()):
        journey = Journey(policy, a_lead(), "2026-11-20T21:00:00Z")
        journey.play()
        for why in (why for found in journey.plans for why in found.why):
            assert why.rule in known
            assert why.effect in {"set", "moved", "kept", "blocked"}
            assert why.detail
            if why.effect == "moved":
                assert why.from_at is not None
                assert why.to_at is not None
                assert why.from_at < why.to_at
