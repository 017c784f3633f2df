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


async def test_the_bell_rings_when_a_gate_has_room_for_another_lane(stand: Stand):
    await stand.gate("g:1", max_concurrent=1)
    for lane_id in (1, 2):
        await stand.lane(lane_id, "bulk", "g:1")
        await stand.place([lane_id], lane_id=lane_id)
    claims = await stand.claim(1)
    await stand.claim()
    await stand.place([3], lane_id=claims[0].lane_id)
    await stand.end(claims)
    await stand.rang()
    other = 3 - claims[0].lane_id
    await stand.wheel.withdraw([(stand.shard, claims[0].lane_id, 3)], stand.now_ms)
    assert await stand.loops() == [other]
