"""held: which loops hold call slots, for who compares them with the ledger. I12."""

from __future__ import annotations

from tests.wheel.builders import HOUR, NOW, Stand


async def test_slots_are_read_in_order_of_time_a_page_at_a_time(stand: Stand):
    await stand.gate("a:1", max_concurrent=9)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(5))
    for _ in range(5):
        await stand.claim(1)
        stand.now_ms += 1000
    first = await stand.wheel.held_slots(stand.shard, after_ms=NOW, until_ms=NOW + 2 * HOUR, limit=3)
    rest = await stand.wheel.held_slots(
        stand.shard, after_ms=first[-1].until_ms, until_ms=NOW + 2 * HOUR, limit=3
    )
    assert [slot.until_ms - HOUR - NOW for slot in first + rest] == [0, 1000, 2000, 3000, 4000]
    assert await stand.wheel.free_slots(stand.shard, [(9, slot) for slot in rest], stand.now_ms) == 2
