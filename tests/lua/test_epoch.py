"""epoch: what a shard was opened with, and whether the same process still serves it. I12, F5, F7."""

from __future__ import annotations

import pytest

from scheduler.errors import EpochNotReady
from scheduler.wheel import TimingWheel
from tests.wheel.builders import EPOCH, NOW, Stand


async def another_server_now(stand: Stand) -> None:
    """As a replica finds it that has taken over: the epoch, opened by another process."""
    key = f"{{dw:{stand.shard}}}:epoch"
    stored = (await stand.wheel._servers.client.get(key)).decode()
    await stand.wheel._servers.client.set(key, stored[:-1] + ("0" if stored[-1] != "0" else "1"))


async def test_the_server_that_was_opened_is_known_again(stand: Stand):
    assert await stand.wheel.epoch(stand.shard) == EPOCH
    assert not await stand.wheel.server_changed(stand.shard)


async def test_a_server_that_took_over_refuses_claims_until_it_is_opened(stand: Stand):
    """RELIABILITY 3.5: its call slots may be those of a moment ago."""
    await stand.place([1])
    await another_server_now(stand)
    assert await stand.wheel.epoch(stand.shard) is None
    assert await stand.wheel.server_changed(stand.shard)
    with pytest.raises(EpochNotReady):
        await stand.claim()
    await stand.wheel.open_epoch(stand.shard, EPOCH)
    assert not await stand.wheel.server_changed(stand.shard)
    assert await stand.loops() == [1]


async def test_a_lost_shard_is_not_one_that_changed_its_server(stand: Stand):
    await stand.wheel.begin_rebuild(stand.shard)
    assert await stand.wheel.epoch(stand.shard) is None
    assert not await stand.wheel.server_changed(stand.shard)


async def test_another_number_of_shards_is_not_ready(stand: Stand, wheel_url: str):
    """A process that counts otherwise would look for accounts on shards that are not theirs."""
    other = await TimingWheel.connect(wheel_url, shards=999_999)
    try:
        assert await other.epoch(stand.shard) is None
        assert not await other.server_changed(stand.shard)
        with pytest.raises(EpochNotReady):
            await other.claim(
                stand.shard, worker="w", claim_id="c", limit=1, now_ms=NOW, wall_ms=NOW, epoch=EPOCH
            )
    finally:
        await other.close()
