"""settle: leases end, slots and tokens come back, the next plan waits. I12, I13, and idempotence (F10)."""

from __future__ import annotations

from scheduler.wheel import CallEnd, Placing, Release
from tests.wheel.builders import MINUTE, NOW, Stand


async def test_a_settled_loop_waits_at_its_next_instant(stand: Stand):
    await stand.place([1, 2])
    assert await stand.release(await stand.claim(), sent=True, next_in_ms=5 * MINUTE) == []
    counts = await stand.wheel.counts(stand.shard, stand.now_ms)
    assert (counts.waiting, counts.leased, counts.overdue) == (2, 0, 0)
    stand.now_ms += 5 * MINUTE
    assert await stand.loops() == [1, 2]


async def test_settling_twice_says_stale_and_changes_nothing_more(stand: Stand):
    await stand.place([1, 2])
    claims = await stand.claim()
    await stand.release(claims, sent=True, next_in_ms=MINUTE)
    assert await stand.release(claims, sent=True, next_in_ms=MINUTE) == claims
    assert await stand.waiting() == 2


async def test_another_holder_changes_nothing(stand: Stand):
    """A zombie whose lease went to another worker: STALE."""
    await stand.gate("g:1", max_concurrent=1)
    await stand.lane(1, "bulk", "g:1")
    await stand.place([1])
    zombie = await stand.claim(worker="w1")
    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    new = await stand.claim(worker="w2")
    assert [claim.loop_id for claim in new] == [1]

    assert await stand.release(zombie, sent=False) == zombie
    counts = await stand.wheel.counts(stand.shard, stand.now_ms)
    assert (counts.leased, counts.in_call) == (1, 1)
    assert await stand.release(new, sent=True) == []


async def test_what_was_never_sent_gives_back_tokens_and_slots_once(stand: Stand):
    await stand.gate("a:1", interval_us=1_000_000, burst=2, max_concurrent=2)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(10))
    claims = await stand.claim()
    assert len(claims) == 2
    await stand.rang()
    await stand.release(claims, sent=False)
    await stand.release(claims, sent=False)
    assert await stand.rang()
    assert len(await stand.claim()) == 2


async def test_what_was_sent_keeps_its_slot_until_the_call_ends(stand: Stand):
    await stand.gate("a:1", max_concurrent=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1, 2])
    claims = await stand.claim()
    await stand.release(claims, sent=True)
    assert await stand.loops() == []
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).in_call == 1
    await stand.end(claims)
    await stand.end(claims)
    assert await stand.loops() == [2]


async def test_a_refund_never_lets_a_window_see_more_than_rate_times_t_plus_burst(stand: Stand):
    """A token that would have run off unused by now must not come back as an extra one."""
    await stand.gate("a:1", interval_us=1_000_000)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(10))
    never_sent = await stand.claim()
    stand.now_ms += 1_000
    assert len(await stand.claim()) == 1
    stand.now_ms += 500
    await stand.release(never_sent, sent=False)
    assert await stand.claim() == []
    stand.now_ms += 500
    assert len(await stand.claim()) == 1


async def test_release_end_and_placing_of_one_loop_are_one_step(stand: Stand):
    await stand.gate("a:1", max_concurrent=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1])
    (claim,) = await stand.claim()
    await stand.wheel.settle(
        releases=[Release(claim, True)],
        ends=[CallEnd(stand.shard, 1, 1)],
        placings=[Placing(stand.shard, 1, 1, stand.now_ms)],
        now_ms=stand.now_ms,
        wall_ms=stand.wall_ms,
    )
    assert await stand.loops() == [1]


async def test_a_late_end_leaves_the_slot_of_the_loops_next_call(stand: Stand):
    """I12: its dialer was frozen between the commit and the wheel; found by the simulation."""
    await stand.gate("a:1", max_concurrent=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.place([1, 2])
    (first,) = await stand.claim()
    late = CallEnd(stand.shard, 1, 1, stand.now_ms + stand.wheel.call_ms)
    await stand.release([first], sent=True, next_in_ms=-1)
    await stand.end([first])  # the sweeper has found it out
    stand.now_ms += 1
    assert await stand.loops() == [1]

    await stand.wheel.settle(ends=[late], now_ms=stand.now_ms, wall_ms=stand.wall_ms)
    assert await stand.loops() == []

    late = CallEnd(stand.shard, 1, 1, stand.now_ms + stand.wheel.call_ms)
    await stand.wheel.settle(ends=[late], now_ms=stand.now_ms, wall_ms=stand.wall_ms)
    assert await stand.loops() == [2]


async def test_a_loop_may_go_on_in_another_lane(stand: Stand):
    await stand.lane(2, "follow-up")
    await stand.place([1])
    (claim,) = await stand.claim()
    await stand.wheel.settle(
        releases=[Release(claim, True)],
        placings=[Placing(stand.shard, 2, 1, NOW)],
        now_ms=stand.now_ms,
        wall_ms=stand.wall_ms,
    )
    assert [claim.lane_id for claim in await stand.claim()] == [2]


async def test_a_settles_own_placing_goes_before_one_that_came_meanwhile(stand: Stand):
    await stand.place([1])
    claims = await stand.claim()
    await stand.place([1], 9 * MINUTE)
    await stand.release(claims, sent=True, next_in_ms=MINUTE)
    assert await stand.waiting() == 1
    stand.now_ms += MINUTE
    assert await stand.loops() == [1]


async def test_placings_of_a_stale_settle_are_made_and_move_what_waits(stand: Stand):
    """The ledger has committed them: I14."""
    await stand.place([1])
    claims = await stand.claim()
    stand.wall_ms += stand.wheel.lease_ms
    await stand.reap()
    assert await stand.release(claims, sent=True, next_in_ms=7 * MINUTE) == claims
    assert await stand.waiting() == 1
    assert await stand.loops() == []
    stand.now_ms += 7 * MINUTE
    assert await stand.loops() == [1]


async def test_thousands_settle_in_one_call(stand: Stand):
    await stand.place(range(2_500))
    claims = [claim for _ in range(5) for claim in await stand.claim(500)]
    assert await stand.release(claims, sent=True, next_in_ms=MINUTE) == []
    counts = await stand.wheel.counts(stand.shard, stand.now_ms)
    assert (counts.waiting, counts.leased) == (2_500, 0)


async def test_searches_beyond_the_budget_are_made_all_the_same(stand: Stand):
    await stand.wheel.place([stand.placing(loop, loop * MINUTE, was_at_ms=0) for loop in range(1_000)], NOW)
    moved = [stand.placing(loop, 2_000 * MINUTE) for loop in range(20)]
    await stand.wheel.settle(placings=moved, now_ms=NOW, wall_ms=NOW)
    assert await stand.wheel.missing(moved) == []
    assert await stand.waiting() == 1_000


async def test_an_ended_call_lets_its_lane_through_with_the_next_token(stand: Stand):
    """I14: of a gate's two limits the longer is gone: no lane waits for another call's hard end."""
    await stand.gate("a:1", max_concurrent=2, interval_us=300_000)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(3))
    first = await stand.claim()
    stand.now_ms += 1_000
    assert len(await stand.claim()) == 1
    assert await stand.claim() == []

    await stand.end(first)

    assert await stand.next_wake() == stand.now_ms + 300
    stand.now_ms += 300
    assert len(await stand.claim()) == 1
