"""Closures, no-call days by region and year, and caps with several windows (MISSION D21, C9, K26; idea 5)."""

from __future__ import annotations

import pytest

from scheduler.domain.model import Cap, Closure, Ended, EndReason, NoCallDay, Place
from scheduler.domain.numbers import place_of
from scheduler.domain.placement import opening_at
from scheduler.domain.time import DAY, HOUR
from tests.domain.builders import (
    MIAMI,
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
)

MONDAY_TEN = "2026-11-23T15:00:00Z"
FROM, UNTIL = instant("2026-11-23T12:00:00Z"), instant("2026-11-25T16:30:00Z")
TOLL_FREE = place_of("+18005550100")


def closed_in(*regions: str) -> tuple[Closure, ...]:
    return (Closure(FROM, UNTIL, regions, "hurricane"),)


@pytest.mark.parametrize(
    ("regions", "place", "closed"),
    [
        ((), NEW_YORK, True),
        (("US-FL",), MIAMI, True),
        (("US-FL",), NEW_YORK, False),
        (("US-GA", "US-FL"), MIAMI, True),
        (("US",), MIAMI, True),  # a country closes its states
        (("US-FL",), TOLL_FREE, True),  # the lead may be there
        (("US-FL",), Place(("America/New_York",), ("US",), ("America/New_York",), "unknown"), True),
        (("CA",), MIAMI, False),
        (("US-FL",), Place(("America/New_York",), ("US-FL", "US-NY"), ("America/New_York",), "stated"), True),
    ],
)
def test_a_closure_closes_wherever_the_lead_may_be(regions: tuple[str, ...], place: Place, closed: bool):
    policy = a_policy(closures=closed_in(*regions), windows=ROUND_THE_CLOCK, voice="human")
    afternoon = instant("2026-11-24T20:30:00Z")  # past ten in Hawaii: all states are open

    assert (opening_at(policy, place, afternoon) is None) == closed
    assert opening_at(policy, place, afternoon + DAY) is not None


def test_a_closure_moves_the_call_to_its_end_and_names_the_order():
    found = planned(
        first_plan(a_policy(closures=closed_in("US-FL"), jitter_max_s=0), a_lead(MIAMI), MONDAY_TEN)
    )

    assert found.at_ms == UNTIL
    told = next(why for why in found.why if why.rule == "statutory_window")
    assert (told.effect, told.to_at, told.ref) == ("moved", UNTIL, "closure US-FL")
    assert "hurricane" in told.detail


def test_a_closure_ends_what_is_open_before_it():
    policy = a_policy(closures=(Closure(instant("2026-11-23T16:00:00Z"), UNTIL),))

    found = planned(first_plan(policy, a_lead(), MONDAY_TEN))
    assert found.open_until_ms == instant("2026-11-23T16:00:00Z")
    assert planned(first_plan(policy, a_lead(), "2026-11-23T15:58:30Z")).at_ms >= UNTIL


def test_no_switch_lifts_a_closure():
    policy = a_policy(closures=closed_in(), live_after_hours=True, rules="none")

    assert planned(first_plan(policy, a_live_lead(), MONDAY_TEN)).at_ms >= UNTIL


def test_a_closure_of_a_month_leaves_no_callable_time():
    policy = a_policy(closures=(Closure(FROM, FROM + 40 * DAY, (), "moratorium"),))

    assert ended(first_plan(policy, a_lead(), MONDAY_TEN)) is EndReason.NO_CALLABLE_TIME


def test_d21_a_no_call_day_may_hold_in_one_region_alone():
    policy = a_policy(no_call_days=(NoCallDay("2026-11-23", "Parade", ("US-FL",)),))

    assert local(MIAMI, planned(first_plan(policy, a_lead(MIAMI), MONDAY_TEN)).at_ms).startswith("Tue")
    assert planned(first_plan(policy, a_lead(NEW_YORK), MONDAY_TEN)).at_ms == instant(MONDAY_TEN)


@pytest.mark.parametrize("year", [2026, 2027, 2032])
def test_d21_a_no_call_day_may_come_every_year(year: int):
    policy = a_policy(
        no_call_days=(NoCallDay("2020-11-23", "Founders' Day", yearly=True),), windows=ROUND_THE_CLOCK
    )

    found = planned(first_plan(policy, a_lead(), f"{year}-11-23T15:00:00Z"))

    assert local(NEW_YORK, found.at_ms)[4:14] == f"{year}-11-24"
    told = next(why for why in found.why if why.rule == "no_call_day")
    assert f"{year}-11-23 Founders' Day" in told.detail
    assert opening_at(policy, NEW_YORK, instant(f"{year}-11-22T15:00:00Z")) is not None


def test_several_caps_are_planned_ahead_together():
    caps = (Cap(2, 86_400), Cap(5, 7 * 86_400))
    policy = a_smart_policy(
        intensity="aggressive", frequency_caps=caps, windows=ROUND_THE_CLOCK, max_retry_days=20
    )
    journey = Journey(policy, a_lead(), "2026-11-02T14:00:00Z")
    journey.play()

    history = journey.loop.history
    assert len(history) > 12
    for most, span_ms in ((2, 24 * HOUR), (5, 7 * DAY)):
        assert all(later - sooner > span_ms for sooner, later in zip(history, history[most:], strict=False))
    told = {
        why.detail.split(":")[0] for plan in journey.plans for why in plan.why if why.rule == "frequency_cap"
    }
    assert told == {"2 calls in 24 h", "5 calls in 168 h"}


def test_the_wish_of_a_cap_that_outlasts_the_search_has_no_callable_time():
    policy = a_policy(frequency_caps=(Cap(1, 60 * 86_400),))
    found = first_plan(policy, a_lead(contacts=(instant("2026-11-20T15:00:00Z"),)), MONDAY_TEN)

    assert isinstance(found, Ended)
    assert found.reason is EndReason.NO_CALLABLE_TIME
    assert found.why[-1].rule == "frequency_cap"
