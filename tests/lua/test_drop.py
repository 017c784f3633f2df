"""drop: lanes off the wheel with all that waits on them."""

from __future__ import annotations

from tests.wheel.builders import MINUTE, NOW, Stand


async def test_a_dropped_lane_is_gone_with_what_waited(stand: Stand):
    await stand.place(range(10), MINUTE)
    await stand.place(range(10, 20))
    assert await stand.wheel.drop_lanes(stand.shard, [1, 77]) == 20
    assert await stand.wheel.drop_lanes(stand.shard, [1]) == 0
    assert await stand.loops() == []
    counts = await stand.wheel.counts(stand.shard, stand.now_ms)
    assert (counts.lanes, counts.waiting) == (0, 0)


async def test_thousands_of_slots_go_in_bounded_steps(stand: Stand):
    await stand.wheel.place([stand.placing(i, i * MINUTE, was_at_ms=0) for i in range(2_500)], NOW)
    assert await stand.wheel.drop_lanes(stand.shard, [1]) == 2_500


async def test_calls_under_way_on_a_dropped_lane_still_free_their_slots(stand: Stand):
    await stand.gate("a:1", max_concurrent=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.lane(2, "bulk", "a:1")
    await stand.place([1])
    await stand.place([2], 1, lane_id=2)
    claims = await stand.claim()
    await stand.wheel.drop_lanes(stand.shard, [1])
    stand.now_ms += 1
    assert await stand.loops() == []
    await stand.release(claims, sent=True)
    await stand.end(claims)
    assert await stand.loops() == [2]


async def test_a_lease_on_a_dropped_lane_brings_nothing_back(stand: Stand):
    await stand.place([1])
    await stand.claim()
    await stand.wheel.drop_lanes(stand.shard, [1])
    stand.wall_ms += stand.wheel.lease_ms
    assert len(await stand.reap()) == 1
    await stand.lane(1)
    assert await stand.loops() == []


async def test_a_dropped_lane_may_be_shaped_again(stand: Stand):
    await stand.gate("a:1")
    await stand.lane(1, "bulk", "a:1")
    await stand.wheel.drop_lanes(stand.shard, [1])
    await stand.place([1])
    await stand.lane(1, "bulk", "a:1")
    assert await stand.waiting() == 1
    assert await stand.loops() == [1]


async def test_dropped_lanes_pass_their_room_on(stand: Stand):
    await stand.crowd(40)
    await stand.end(stand.under_way)
    await stand.wheel.drop_lanes(stand.shard, await stand.shown())
    assert len(await stand.claim()) == 1
