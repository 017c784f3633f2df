"""open: from when a rebuilt shard answers."""

from __future__ import annotations

from tests.wheel.builders import NOW, Stand


async def test_an_opened_shard_answers_its_epoch_and_rings(stand: Stand):
    await stand.place([1])
    await stand.wheel.open_epoch(stand.shard, "e7")
    assert await stand.rang()
    assert await stand.wheel.epoch(stand.shard) == "e7"
    assert [claim.loop_id for claim in (await stand.claimed(epoch="e7")).claims] == [1]


async def test_what_keeps_busy_sets_fast_is_counted_nowhere(stand: Stand):
    await stand.gate("a:1", max_concurrent=65)
    await stand.lane(1, "bulk", "a:1")
    await stand.place(range(80))
    assert len(await stand.claim()) == 65
    counts = await stand.wheel.counts(stand.shard, NOW)
    assert (counts.leased, counts.in_call) == (65, 65)
    assert stand.wake_at_ms == NOW + stand.wheel.call_ms
    stand.wall_ms += 10**15
    assert len(await stand.reap()) == 65
