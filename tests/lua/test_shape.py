"""shape: rules of lanes and gates take effect at the next claim, and wake who waits."""

from __future__ import annotations

import pytest

from scheduler.wheel.keys import tag
from tests.wheel.builders import HOUR, MINUTE, NOW, Stand


async def test_pausing_and_resuming_a_lane_moves_no_lead(stand: Stand):
    await stand.place(range(5))
    await stand.lane(1, paused=True)
    assert await stand.loops() == []
    assert stand.wake_at_ms is None
    counts = await stand.wheel.counts(stand.shard, stand.now_ms)
    assert (counts.waiting, counts.held) == (5, 5)
    await stand.rang()
    await stand.lane(1)
    assert await stand.rang()
    assert len(await stand.loops()) == 5


async def test_pausing_a_gate_holds_every_lane_behind_it(stand: Stand):
    await stand.gate("a:1", paused=True)
    for lane_id in (1, 2):
        await stand.lane(lane_id, "bulk", "a:1")
        await stand.place([lane_id], lane_id=lane_id)
    assert await stand.loops() == []
    assert await stand.next_wake() is None
    await stand.gate("a:1")
    assert sorted(await stand.loops()) == [1, 2]


async def test_a_raised_limit_lets_waiting_lanes_through_at_once(stand: Stand):
    await stand.gate("a:1", max_concurrent=1)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(5))
    assert len(await stand.claim()) == 1
    assert await stand.claim() == []
    await stand.gate("a:1", max_concurrent=3)
    assert len(await stand.claim()) == 2
    await stand.gate("a:1")
    assert len(await stand.claim()) == 2


async def test_a_faster_pace_does_not_wait_for_the_old_token(stand: Stand):
    await stand.gate("b:1", interval_us=HOUR * 1000)
    await stand.lane(1, "bulk", "b:1")
    await stand.place(range(5))
    await stand.claim()
    assert await stand.claim() == []
    await stand.gate("b:1", interval_us=1_000_000)
    assert await stand.claim() == []
    assert stand.wake_at_ms == NOW + 1_000
    stand.now_ms += 1_000
    assert len(await stand.claim()) == 1


async def test_shaping_again_gives_no_tokens_away(stand: Stand):
    await stand.gate("b:1", interval_us=1_000_000, burst=2)
    await stand.lane(1, "bulk", "b:1")
    await stand.place(range(9))
    assert len(await stand.claim()) == 2
    await stand.gate("b:1", interval_us=1_000_000, burst=2)
    assert await stand.claim() == []


async def test_more_lanes_than_one_call_brings_back_all_come_back(stand: Stand):
    await stand.gate("a:1", paused=True)
    for lane_id in range(1, 701):
        await stand.lane(lane_id, "bulk", "a:1")
    await stand.wheel.place([stand.placing(i, 0, i) for i in range(1, 701)], NOW)
    while await stand.claim() or stand.wake_at_ms is not None:
        pass
    await stand.gate("a:1")
    claims = []
    while stand.wake_at_ms is None or stand.wake_at_ms <= NOW:
        claims += await stand.claim()
        if stand.wake_at_ms is None:
            break
    assert len(claims) == 700


async def test_a_lane_may_change_its_class(stand: Stand):
    await stand.place([1])
    await stand.lane(1, "live")
    assert await stand.loops() == [1]
    assert (await stand.wheel.counts(stand.shard, stand.now_ms)).lanes == 1


async def test_calls_under_way_free_their_slots_at_gates_the_lane_has_left(stand: Stand):
    await stand.gate("t:1", max_concurrent=1)
    await stand.gate("t:2", max_concurrent=1)
    await stand.lane(1, "bulk", "t:1")
    await stand.lane(2, "bulk", "t:1")
    await stand.place([1])
    await stand.place([2], 1, lane_id=2)
    claims = await stand.claim()
    await stand.lane(1, "bulk", "t:2")
    await stand.end(claims)
    stand.now_ms += 1
    assert await stand.loops() == [2]


async def test_lanes_that_are_paused_pass_their_room_on(stand: Stand):
    await stand.crowd(40)
    await stand.end(stand.under_way)
    for lane_id in await stand.shown():
        await stand.lane(lane_id, "bulk", "g:1", paused=True)
    assert len(await stand.claim()) == 1


@pytest.mark.parametrize("name", ["a", "a:", "A:1", "a:1}", "live:a:1", "a:1 b:2", "shard"])
async def test_no_text_of_a_user_shapes_a_key(stand: Stand, name: str):
    with pytest.raises(ValueError, match="gate"):
        await stand.gate(name)
    with pytest.raises(ValueError, match="gate"):
        await stand.lane(1, "bulk", name)


async def test_rules_that_make_no_sense_are_refused(stand: Stand):
    with pytest.raises(ValueError, match="one of live"):
        await stand.lane(1, "urgent")
    with pytest.raises(ValueError, match="burst"):
        await stand.gate("a:1", burst=0)


async def test_reopened_hours_take_effect_at_once(stand: Stand):
    await stand.lane(1, open_until_ms=NOW)
    await stand.place([1])
    assert await stand.loops() == []
    await stand.lane(1, open_until_ms=NOW + MINUTE, open_from_ms=NOW + HOUR)
    assert await stand.loops() == [1]


async def test_a_lane_that_changes_its_gates_may_keep_its_hours(stand: Stand):
    """I7: who sets another trunk need not know when the lane closes."""
    await stand.gate("t:1", max_concurrent=1)
    await stand.lane(1, open_until_ms=NOW, open_from_ms=NOW + HOUR)
    await stand.place([1, 2])

    await stand.lane(1, "bulk", "t:1", keep_hours=True)

    assert await stand.loops() == []
    stand.now_ms += HOUR
    assert await stand.loops() == [1]


async def test_a_slot_that_is_gone_holds_up_nothing(stand: Stand):
    """I14 I22: the wipe before a rebuild takes keys one by one; what is written meanwhile may lose a half."""
    await stand.place([1], 120_000)
    gone = (NOW + 60_000) // stand.wheel.slot_ms
    await stand.wheel._servers.client.zadd(f"{tag(stand.shard)}:0:lane:1", {str(gone): gone})

    await stand.lane(1)

    assert await stand.wheel.next_wake(stand.shard, stand.now_ms) == NOW + 120_000
    stand.now_ms += 120_000
    assert await stand.loops() == [1]
