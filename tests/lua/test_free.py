"""free: call slots of calls that are over come back, others stay. I12."""

from __future__ import annotations

from scheduler.wheel import Claim, HeldSlot
from tests.wheel.builders import HOUR, NOW, Stand


async def taken(stand: Stand) -> tuple[list[Claim], list[HeldSlot]]:
    """Two calls at a gate for two; a third loop waits behind it."""
    await stand.gate("a:1", max_concurrent=2)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(3))
    claims = await stand.claim()
    assert await stand.claim() == []
    held = await stand.wheel.held_slots(stand.shard, after_ms=NOW, until_ms=NOW + HOUR, limit=10)
    assert {slot.loop_id for slot in held} == {claim.loop_id for claim in claims}
    return claims, held


async def test_a_slot_that_is_freed_lets_the_next_one_through(stand: Stand):
    claims, held = await taken(stand)
    await stand.release(claims, sent=True)
    await stand.rang()
    assert await stand.wheel.free_slots(stand.shard, [(1, held[0])], NOW) == 1
    assert await stand.rang()
    assert await stand.loops() == [2]
    assert (await stand.wheel.counts(stand.shard, NOW)).in_call == 2


async def test_a_slot_that_was_taken_again_meanwhile_stays(stand: Stand):
    """The ledger was read a moment ago: the loop is in its next call by now."""
    claims, held = await taken(stand)
    await stand.release(claims, sent=False, next_in_ms=0)
    stand.now_ms += 1
    assert len(await stand.claim()) == 2
    assert await stand.wheel.free_slots(stand.shard, [(1, slot) for slot in held], stand.now_ms) == 0
    assert await stand.loops() == []
