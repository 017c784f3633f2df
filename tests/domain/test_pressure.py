"""The pressure meter (MISSION L2, L10 and their [ours])."""

from __future__ import annotations

import pytest

from scheduler.domain.model import Action, Cap, Policy, RoutingRule, Step
from scheduler.domain.presets import PRESETS
from scheduler.domain.pressure import worst_case
from tests.domain.builders import Journey, a_cadence_policy, a_lead, a_policy, a_smart_policy, day_numbers

H = 3_600


@pytest.mark.parametrize(
    ("policy", "three", "seven", "warns"),
    [
        (a_smart_policy(intensity="aggressive"), 7, 11, True),
        (a_smart_policy(intensity="moderate"), 7, 10, True),
        (a_smart_policy(intensity="moderate", max_attempts=7), 7, 7, True),
        (a_smart_policy(intensity="moderate", max_attempts=6), 6, 6, False),
        (a_smart_policy(intensity="conservative"), 4, 5, False),
        (a_policy(), 5, 6, False),
        (a_policy(immediate_callback=False), 4, 5, False),
        (a_policy(strategy="intervals", frequency_caps=()), 6, 7, False),
        (a_policy(strategy="intervals", intervals_s=(86_400,)), 3, 5, False),
        (PRESETS["five-step"].policy(a_policy()), 3, 4, False),
        (PRESETS["same-day-urgent"].policy(a_policy(frequency_caps=(Cap(6, 86_400),))), 6, 6, False),
    ],
)
def test_l2_the_meter_counts_the_worst_three_and_seven_days(
    policy: Policy, three: int, seven: int, warns: bool
):
    found = worst_case(policy)

    assert (found.calls_in_3_days, found.calls_in_7_days) == (three, seven)
    assert bool(found.warning) == warns


def test_l2_the_accounts_own_cap_counts():
    assert (
        worst_case(a_smart_policy(intensity="aggressive", frequency_caps=(Cap(1, 86_400),))).calls_in_3_days
        == 3
    )


def test_l2_a_rule_that_calls_sooner_counts_whatever_it_takes_to_meet_it():
    calm = a_cadence_policy(Step(delay_after_s=24 * H), Step())
    busy = RoutingRule("busy", Action.RETRY, H, max=3)
    said = RoutingRule("curious", Action.RETRY, H, max=3)
    for rule in (busy, said):
        pressing = a_cadence_policy(Step(delay_after_s=24 * H, routing=(rule,)), Step())
        assert worst_case(calm).calls_in_3_days == 2
        assert worst_case(pressing).calls_in_3_days == 5


def test_l2_no_lead_who_is_never_reached_gets_more_than_the_meter_says():
    for intensity in ("aggressive", "moderate", "conservative"):
        policy = a_smart_policy(intensity=intensity, max_retry_days=20)
        worst = worst_case(policy)
        for number in range(20):
            journey = Journey(policy, a_lead(key=f"another-{number}"), "2026-11-02T14:00:00Z")
            journey.play()
            days = day_numbers(journey)
            assert (
                max(sum(first <= day < first + 3 for day in days) for first in days) <= worst.calls_in_3_days
            )
            assert (
                max(sum(first <= day < first + 7 for day in days) for first in days) <= worst.calls_in_7_days
            )
