"""reap: leases that ended unsettled; their loops wait again. I16, I14."""

from __future__ import annotations

from scheduler.wheel import Release
from tests.wheel.builders import Stand


async def test_a_lease_that_ended_returns_its_loop_due_as_it_was(stand: Stand):
    await stand.place([1], -5)
    claims = await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms - 1
    assert await stand.reap() == []
    stand.wall_ms += 1
    await stand.rang()
    assert await stand.reap() == claims
    assert await stand.rang()
    again = await stand.claim()
    assert [(claim.loop_id, claim.due_at_ms) for claim in again] == [(1, claims[0].due_at_ms)]


async def test_leases_run_on_wall_time_whatever_the_clock_does(stand: Stand):
    await stand.place([1])
    await stand.claim()
    stand.now_ms += 10**10
    assert await stand.reap() == []


async def test_a_loop_planned_anew_while_leased_returns_at_the_new_instant(stand: Stand):
    await stand.place([1])
    await stand.claim()
    await stand.place([1], 90_000)
    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    assert await stand.loops() == []
    stand.now_ms += 90_000
    assert await stand.loops() == [1]


async def test_call_slots_of_a_lost_worker_come_back_unless_the_caller_asks_the_ledger_first(stand: Stand):
    """I12 against I16: the caller who keeps them ends those that were never armed."""
    await stand.gate("g:1", max_concurrent=1)
    await stand.lane(1, "bulk", "g:1")
    await stand.place([1])
    await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms
    claims = await stand.reap(sent=True)
    assert await stand.loops() == []
    await stand.end(claims)
    assert await stand.loops() == [1]

    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    assert await stand.loops() == [1]


async def test_no_tokens_come_back_as_the_call_may_have_gone_out(stand: Stand):
    await stand.gate("a:1", interval_us=3_600_000_000)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1])
    await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    assert await stand.loops() == []


async def test_what_was_leased_anew_or_let_go_since_it_was_looked_at_stays_as_it_is(stand: Stand):
    """I12: between looking and taking away, the ledger is asked; a dialer may come back meanwhile."""
    await stand.gate("g:1", max_concurrent=2)
    await stand.lane(1, "bulk", "g:1")
    await stand.place([1, 2])
    claims = [*await stand.claim(limit=1), *await stand.claim(limit=1)]
    stand.wall_ms += stand.wheel.lease_ms
    over = await stand.expired()
    assert {claim.loop_id for claim in over} == {1, 2}
    await stand.wheel.extend(claims[:1], stand.wall_ms)
    await stand.wheel.settle(
        releases=[Release(claims[1], sent=True)], now_ms=stand.now_ms, wall_ms=stand.wall_ms
    )

    stale = await stand.wheel.reap(
        [Release(claim, sent=False) for claim in over], now_ms=stand.now_ms, wall_ms=stand.wall_ms
    )

    assert {claim.loop_id for claim in stale} == {1, 2}
    assert await stand.in_call("g:1") == 2
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).leased == 1


async def test_a_part_of_a_claim_is_taken_and_the_rest_stays_held(stand: Stand):
    await stand.place(range(30))
    await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms
    for left in (20, 10, 0):
        over = await stand.expired()
        await stand.wheel.reap(
            [Release(claim, sent=False) for claim in over], now_ms=stand.now_ms, wall_ms=stand.wall_ms
        )
        assert (await stand.wheel.counts(stand.shard, stand.now_ms)).leased == left


async def test_the_slot_of_a_lost_call_goes_to_a_lane_that_waits(stand: Stand):
    await stand.crowd(2)
    (lost,) = stand.under_way
    await stand.wheel.withdraw([(stand.shard, lost.lane_id, lost.loop_id)])
    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    assert await stand.loops() == [3 - lost.loop_id]
