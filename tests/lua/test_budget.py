"""Budgets of gates: how much more goes out before it renews. I12, and MISSION row 8, "Number budget"."""

from __future__ import annotations

import pytest

from tests.wheel.builders import HOUR, NOW, Stand


async def test_a_budget_lets_through_what_is_left_and_then_nothing_before_it_renews(stand: Stand):
    """I12: an account's day of calls cannot be passed, and the lane is not looked at before the next day."""
    await stand.gate("c:1", left=5, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "c:1")
    await stand.place(range(50))

    assert len(await stand.loops()) == 5
    assert await stand.loops() == []
    assert stand.wake_at_ms == NOW + HOUR
    assert await stand.next_wake() == NOW + HOUR
    assert await stand.shown() == []


async def test_a_spent_budget_holds_back_its_own_lanes_only(stand: Stand):
    await stand.gate("c:1", left=0, renews_at_ms=NOW + HOUR)
    await stand.gate("c:2", left=9, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "c:1")
    await stand.lane(2, "bulk", "c:2")
    await stand.place([1], -1)
    await stand.place([2], lane_id=2)

    assert await stand.loops() == [2]
    assert await stand.loops() == []
    assert await stand.shown() == []


async def test_a_budget_that_has_renewed_says_nothing_until_it_is_set_again(stand: Stand):
    """The ledger counts: at midnight the wheel lets go, and the arm refuses what is too much."""
    await stand.gate("c:1", left=1, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "c:1")
    await stand.place(range(10))
    assert len(await stand.claim()) == 1

    stand.now_ms += HOUR
    assert len(await stand.claim(4)) == 4
    await stand.gate("c:1", left=2, renews_at_ms=NOW + 2 * HOUR)
    assert len(await stand.claim()) == 2
    assert stand.wake_at_ms == NOW + 2 * HOUR


async def test_a_budget_set_anew_brings_its_lanes_back_at_once(stand: Stand):
    await stand.gate("c:1", left=0, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "c:1")
    await stand.place(range(3))
    assert await stand.loops() == []
    await stand.rang()

    await stand.gate("c:1", left=2, renews_at_ms=NOW + HOUR)

    assert await stand.rang()
    assert len(await stand.loops()) == 2
    await stand.gate("c:1")
    assert len(await stand.loops()) == 1


async def test_what_was_not_sent_gives_its_budget_back_once(stand: Stand):
    await stand.gate("c:1", left=2, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "c:1")
    await stand.place(range(9))
    claims = await stand.claim()
    assert await stand.claim() == []

    await stand.release(claims[:1], sent=False)
    assert await stand.release(claims[:1], sent=False) == claims[:1]
    await stand.release(claims[1:], sent=True)

    assert len(await stand.claim()) == 1
    assert await stand.claim() == []


async def test_a_budget_set_anew_gets_nothing_back_for_claims_of_before(stand: Stand):
    """The ledger's count has them in it or has refused them: one refusal must not pay for the next claim."""
    await stand.gate("c:1", left=3, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "c:1")
    await stand.place(range(9))
    claims = await stand.claim()

    await stand.gate("c:1", left=0, renews_at_ms=NOW + HOUR)
    await stand.release(claims, sent=False)

    assert await stand.claim() == []
    assert stand.wake_at_ms == NOW + HOUR


async def test_a_gate_with_pace_and_budget_gives_both_back(stand: Stand):
    await stand.gate("c:1", left=1, renews_at_ms=NOW + HOUR, interval_us=1_000_000)
    await stand.lane(1, "bulk", "c:1")
    await stand.place(range(9))
    claims = await stand.claim()
    assert stand.wake_at_ms == NOW + HOUR

    await stand.release(claims, sent=False)

    assert len(await stand.claim()) == 1
    stand.now_ms += 1_000
    assert await stand.claim() == []


async def test_several_gates_are_passed_together_or_not_at_all(stand: Stand):
    """What one gate holds back costs nothing of another's budget."""
    await stand.gate("t:1", max_concurrent=2)
    await stand.gate("c:1", left=3, renews_at_ms=NOW + HOUR)
    await stand.lane(1, "bulk", "t:1", "c:1")
    await stand.place(range(9))

    claims = await stand.claim()
    assert len(claims) == 2
    await stand.end(claims)
    assert len(await stand.claim()) == 1
    assert await stand.claim() == []
    assert stand.wake_at_ms == NOW + HOUR


async def test_a_budget_below_nothing_is_refused(stand: Stand):
    with pytest.raises(ValueError, match="budget"):
        await stand.gate("c:1", left=-1)
