"""open: from when a rebuilt shard answers."""

from __future__ import annotations

import pytest

from scheduler.errors import EpochNotReady
from tests.wheel.builders import EPOCH, NOW, Stand


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


async def test_a_builder_opens_what_it_began(stand: Stand):
    await stand.wheel.begin_rebuild(stand.shard, "b1")
    await stand.lane(1)
    await stand.place([1])
    await stand.wheel.open_epoch(stand.shard, "e7", "b1")
    assert [claim.loop_id for claim in (await stand.claimed(epoch="e7")).claims] == [1]


async def test_a_builder_that_mends_forgets_nothing(stand: Stand):
    await stand.place([1])
    await stand.wheel.begin_rebuild(stand.shard, "b1", keep=True)
    await stand.wheel.open_epoch(stand.shard, "e7", "b1")
    assert [claim.loop_id for claim in (await stand.claimed(epoch="e7")).claims] == [1]


async def test_what_was_lost_while_it_was_built_is_not_opened(stand: Stand):
    """I12: the call slots that were restored are gone as well."""
    await stand.wheel.begin_rebuild(stand.shard, "b1")
    lost = f"{{dw:{stand.shard}}}:building"  # as all else
    await stand.wheel._servers.command(stand.shard, "DEL", lost)
    with pytest.raises(EpochNotReady):
        await stand.wheel.open_epoch(stand.shard, "e7", "b1")
    assert await stand.wheel.epoch(stand.shard) is None


async def test_of_two_builders_the_later_one_opens(stand: Stand):
    """I16: the earlier one's epoch is not the ledger's any more: what is claimed at it is never armed."""
    await stand.wheel.begin_rebuild(stand.shard, "b1")
    await stand.wheel.begin_rebuild(stand.shard, "b2")
    with pytest.raises(EpochNotReady):
        await stand.wheel.open_epoch(stand.shard, EPOCH, "b1")
    await stand.wheel.open_epoch(stand.shard, "e7", "b2")
    with pytest.raises(EpochNotReady):
        await stand.wheel.open_epoch(stand.shard, EPOCH, "b1")
    assert await stand.wheel.epoch(stand.shard) == "e7"
