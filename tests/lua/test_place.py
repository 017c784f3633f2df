"""place: loops onto lanes. Rows: nothing lost, nothing twice (I14, I1 on the wheel's side)."""

from __future__ import annotations

import pytest
from redis.exceptions import ResponseError

from scheduler.wheel import Placing
from scheduler.wheel.scripts import run
from tests.wheel.builders import MINUTE, NOW, Stand


async def test_placing_again_changes_nothing(stand: Stand):
    assert await stand.place([1, 2, 3], 5_000) == 3
    assert await stand.place([1, 2, 3], 5_000) == 0
    assert await stand.waiting() == 3

    stand.now_ms += 5_000
    assert await stand.loops() == [1, 2, 3]
    assert await stand.loops() == []


@pytest.mark.parametrize("was_after_ms", [None, 3 * MINUTE])
async def test_a_waiting_loop_moves_to_its_new_instant(stand: Stand, was_after_ms: int | None):
    await stand.place([7], 3 * MINUTE)
    was_at_ms = None if was_after_ms is None else NOW + was_after_ms
    assert await stand.wheel.place([stand.placing(7, 9 * MINUTE, was_at_ms=was_at_ms)], NOW) == 0

    assert await stand.waiting() == 1
    stand.now_ms += 3 * MINUTE
    assert await stand.loops() == []
    stand.now_ms += 6 * MINUTE
    assert await stand.loops() == [7]


async def test_a_loop_moves_within_its_minute_too(stand: Stand):
    await stand.place([7], 1_000)
    await stand.place([7], 2_000)
    stand.now_ms += 1_999
    assert await stand.loops() == []
    stand.now_ms += 1
    assert await stand.loops() == [7]


async def test_the_last_placing_of_a_loop_in_one_call_counts(stand: Stand):
    await stand.wheel.place([stand.placing(7, 0), stand.placing(7, MINUTE)], NOW)
    assert await stand.loops() == []
    assert await stand.waiting() == 1


async def test_a_lane_placed_on_before_it_is_shaped_is_claimable_once_it_is(stand: Stand):
    """Fail closed: neither rule nor class, nothing handed out; and I14: nothing lost by the order."""
    await stand.place([5, 6], lane_id=9)
    assert await stand.loops() == []
    assert await stand.next_wake() is None
    await stand.lane(9, "follow-up")
    assert await stand.loops() == [5, 6]


async def test_a_loop_placed_while_it_is_leased_waits_at_the_new_instant_once_released(stand: Stand):
    await stand.place([4])
    claims = await stand.claim()
    await stand.place([4], 2 * MINUTE)
    assert await stand.waiting() == 0
    assert await stand.loops() == []

    await stand.release(claims, sent=True)
    assert await stand.waiting() == 1
    stand.now_ms += 2 * MINUTE
    assert await stand.loops() == [4]


async def test_placing_a_leased_loop_where_it_was_due_leaves_nothing_behind(stand: Stand):
    """A feeder that read the ledger before the arm must not bring a second claim about (I1)."""
    await stand.place([4])
    claims = await stand.claim()
    await stand.place([4])
    await stand.release(claims, sent=True)
    assert await stand.waiting() == 0


async def test_ids_of_63_bits_come_back_exactly(stand: Stand):
    loop_id = 2**62 + 1
    await stand.place([loop_id])
    assert await stand.loops() == [loop_id]


async def test_a_move_in_a_lane_of_thousands_of_slots_is_found_in_bounded_steps(stand: Stand):
    spread = [stand.placing(loop, loop * MINUTE, was_at_ms=0) for loop in range(3_000)]
    await stand.wheel.place(spread, NOW)
    moved = [stand.placing(loop, 5_000 * MINUTE) for loop in range(100, 110)]
    pairs = [word for each in moved for word in (each.loop_id, each.due_at_ms)]
    done, _ = await run(
        stand.wheel._servers,
        "place",
        stand.shard,
        [NOW, MINUTE, 5_000, 1, "s", 10, *pairs],
    )
    assert done == 1
    await stand.wheel.place(moved, NOW)
    assert await stand.waiting() == 3_000
    assert await stand.wheel.missing(moved) == []
    assert await stand.wheel.missing(spread[100:110]) == spread[100:110]


async def test_a_bad_instant_fails_before_anything_is_written(stand: Stand):
    """Nothing rolls back in Lua, so everything is checked before the first write."""
    args = [NOW, MINUTE, 100, 1, "n", 2, 10, NOW, 11, "soon"]
    with pytest.raises(ResponseError, match="due instant"):
        await run(stand.wheel._servers, "place", stand.shard, args)
    assert await stand.waiting() == 0
    assert await stand.loops() == []


async def test_the_bell_rings_for_what_is_due_now_or_sooner_than_all_before(stand: Stand):
    await stand.place([1], 10 * MINUTE)
    assert await stand.rang()
    await stand.place([2], 20 * MINUTE)
    assert not await stand.rang()
    await stand.place([3], 5 * MINUTE)
    assert await stand.rang()
    await stand.place([4])
    assert await stand.rang()


async def test_two_lanes_hold_the_same_loop_apart(stand: Stand):
    await stand.lane(2)
    await stand.wheel.place([Placing(stand.shard, 1, 8, NOW), Placing(stand.shard, 2, 8, NOW + MINUTE)], NOW)
    assert await stand.loops() == [8]
    assert await stand.waiting() == 1
