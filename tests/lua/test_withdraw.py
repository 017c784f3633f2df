"""withdraw: off the wheel, wherever it waits."""

from __future__ import annotations

from tests.wheel.builders import MINUTE, Stand


async def test_a_withdrawn_loop_is_found_wherever_it_waits_and_never_comes(stand: Stand):
    await stand.place([1], 3 * MINUTE)
    await stand.place([2])
    assert await stand.wheel.withdraw([(stand.shard, 1, 1), (stand.shard, 1, 99)]) == 1
    assert await stand.wheel.withdraw([(stand.shard, 1, 1)]) == 0
    assert await stand.waiting() == 1
    stand.now_ms += 3 * MINUTE
    assert await stand.loops() == [2]


async def test_a_withdrawn_leased_loop_does_not_come_back_with_its_lease(stand: Stand):
    await stand.place([1])
    await stand.claim()
    assert await stand.wheel.withdraw([(stand.shard, 1, 1)]) == 1
    stand.wall_ms += stand.wheel.lease_ms
    assert [claim.loop_id for claim in await stand.reap()] == [1]
    assert await stand.waiting() == 0


async def test_a_loop_withdrawn_while_leased_may_be_placed_anew(stand: Stand):
    await stand.place([1])
    claims = await stand.claim()
    await stand.wheel.withdraw([(stand.shard, 1, 1)])
    await stand.place([1], MINUTE)
    await stand.release(claims, sent=True)
    assert await stand.waiting() == 1


async def test_many_loops_over_many_slots_go_in_bounded_steps(stand: Stand):
    await stand.wheel.place(
        [stand.placing(loop, loop * MINUTE, was_at_ms=0) for loop in range(1_000)], stand.now_ms
    )
    assert await stand.wheel.withdraw([(stand.shard, 1, loop) for loop in range(200)]) == 200
    assert await stand.waiting() == 800


async def test_the_room_that_withdrawn_loops_leave_goes_to_others_and_rings(stand: Stand):
    await stand.crowd(40)
    await stand.end(stand.under_way)
    shown = await stand.shown()
    assert len(shown) < 39
    await stand.rang()
    await stand.wheel.withdraw([(stand.shard, lane_id, lane_id) for lane_id in shown], stand.now_ms)
    assert await stand.rang()
    assert len(await stand.claim()) == 1
