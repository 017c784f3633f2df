"""A loop's place in a cadence when another version of it takes over (MISSION C, "Edit while active")."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from scheduler.domain.cadence_moves import kept, moved
from scheduler.domain.model import Action, AttemptKind, Cadence, EndReason, Outcome, RoutingRule, Step, Touch
from scheduler.domain.time import HOUR
from tests.domain.builders import Journey, a_cadence_policy, a_lead, ended, planned

MONDAY_NINE = "2026-11-23T14:00:00Z"  # in New York
H = 3_600


def steps(*ids: int) -> tuple[Step, ...]:
    return tuple(Step(step_id=number, name=f"s{number}", delay_after_s=number * H) for number in ids)


def a_touch(step: int, run: int = 1) -> Touch:
    return Touch(step, run, AttemptKind.CADENCE, 0, 0, Outcome.NOT_REACHED)


@pytest.mark.parametrize(
    ("after", "at", "gone_wait_s"),
    [
        ((1, 2, 3), 1, None),
        ((3, 2, 1), 1, None),  # turned round
        ((2, 1, 3), 0, None),  # now first
        ((1, 9, 2, 3), 2, None),  # one came in before it
        ((1, 3), 0, 2 * H),  # it is no more: behind the first, its own wait
        ((3,), -1, 2 * H),  # nothing before it is left
    ],
)
def test_c_a_place_follows_its_step_into_another_version(after, at, gone_wait_s):
    [touch] = moved((a_touch(1),), Cadence(steps=steps(1, 2, 3)), Cadence(steps=steps(*after)))

    assert (touch.step, touch.gone_wait_s) == (at, gone_wait_s)


def test_c_steps_without_ids_are_known_by_their_positions():
    before = Cadence(steps=(Step(), Step(), Step(delay_after_s=5)))

    touches = moved((a_touch(0), a_touch(2)), before, Cadence(steps=(Step(), Step())))

    assert [(touch.step, touch.gone_wait_s) for touch in touches] == [(0, None), (1, 5)]


def test_c_a_step_that_is_no_more_keeps_its_wait_through_further_versions():
    first, second, third = (Cadence(steps=steps(*ids)) for ids in ((1, 2, 3), (1, 3), (9, 1, 3)))

    [touch] = moved(moved((a_touch(1),), first, second), second, third)

    assert (touch.step, touch.gone_wait_s) == (1, 2 * H)


def test_c_after_a_step_that_is_no_more_comes_the_one_behind_it_after_the_wait_it_had():
    """Neither its rules nor those of the step before it meet its result."""
    ends = (RoutingRule("not_reached", Action.END),)
    before = Cadence(steps=steps(1, 2, 3))
    after = Cadence(steps=(Step(step_id=1, delay_after_s=9 * H, routing=ends), steps(3)[0]))
    journey = Journey(a_cadence_policy(*before.steps), a_lead(), MONDAY_NINE)
    journey.dial()
    journey.dial()
    dialled_ms = journey.loop.history[-1]
    journey.policy = a_cadence_policy(*after.steps)
    journey.loop = replace(journey.loop, trail=moved(journey.loop.trail, before, after))

    found = planned(journey.look())

    assert (found.step, found.at_ms) == (1, dialled_ms + 2 * HOUR)
    journey.dial()
    assert ended(journey.look()) is EndReason.CADENCE_COMPLETE


def test_c_of_a_trail_the_run_it_is_in_is_kept():
    trail = (a_touch(0), a_touch(1), a_touch(0, run=2), a_touch(1, run=2))

    assert kept(trail) == trail[2:]
    assert kept(()) == ()


def test_c_a_kept_trail_plans_as_the_whole_one():
    """What was pruned decides nothing: rules count their uses, and anchors their time, by run."""
    again = (RoutingRule("busy", Action.RETRY, delay_s=H, max=1),)
    policy = a_cadence_policy(
        Step(delay_after_s=H, routing=again), Step(delay_after_s=H), cadence={"runs": 3}
    )
    whole, pruned = (Journey(policy, a_lead(), MONDAY_NINE) for _ in range(2))
    for outcome in (Outcome.BUSY, Outcome.BUSY, Outcome.NOT_REACHED) * 2 + (Outcome.BUSY,):
        whole.dial(outcome)
        pruned.dial(outcome)
        pruned.loop = replace(pruned.loop, trail=kept(pruned.loop.trail))
        assert pruned.look() == whole.look()
