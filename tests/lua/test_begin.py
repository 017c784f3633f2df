"""begin: a shard is forgotten in one step, whoever writes meanwhile. I14, I22, F6."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.wheel.keys import tag
from tests.wheel.builders import EPOCH, MINUTE, NOW, Stand


async def keys_of(stand: Stand) -> set[str]:
    found = await stand.wheel._servers.client.keys(f"{tag(stand.shard)}:*")
    return {key.decode().removeprefix(f"{tag(stand.shard)}:") for key in found}


async def test_what_others_write_during_the_wipe_counts_whole(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    """The builder deletes keys one by one: half a lane must not be left of what came in between."""
    await stand.place(range(20), MINUTE)
    held = await stand.claim(5, ahead_ms=MINUTE)
    servers, command = stand.wheel._servers, stand.wheel._servers.command

    async def others_write_first(shard: int, *words: Any) -> Any:
        if words[0] in ("SCAN", "UNLINK"):
            monkeypatch.setattr(servers, "command", command)
            await stand.lane(1)
            await stand.place([70, 71], 2 * MINUTE)
            assert await stand.release(held, sent=True) == held, "their lease is forgotten"
        return await command(shard, *words)

    monkeypatch.setattr(servers, "command", others_write_first)
    await stand.wheel.begin_rebuild(stand.shard)

    await stand.wheel.open_epoch(stand.shard, EPOCH)
    counts = await stand.wheel.counts(stand.shard, NOW)
    assert (counts.waiting, counts.leased, counts.lanes) == (2, 0, 1)
    stand.now_ms += 2 * MINUTE
    assert await stand.loops() == [70, 71]


async def test_a_wipe_cut_short_is_made_good_by_the_next(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    await stand.place(range(20), MINUTE)
    servers, command = stand.wheel._servers, stand.wheel._servers.command

    async def dies_at_the_first_key(shard: int, *words: Any) -> Any:
        if words[0] == "UNLINK":
            raise RuntimeError("the builder died")
        return await command(shard, *words)

    with monkeypatch.context() as patched:
        patched.setattr(servers, "command", dies_at_the_first_key)
        with pytest.raises(RuntimeError):
            await stand.wheel.begin_rebuild(stand.shard)
    assert (await stand.wheel.counts(stand.shard, NOW)).lanes == 0
    assert len(await keys_of(stand)) > 3
    await stand.wheel.begin_rebuild(stand.shard)
    assert await keys_of(stand) <= {"generation", "bell"}


async def test_a_rebuild_begins_even_when_memory_is_short(stand: Stand):
    """F12: it frees what the shard held."""
    await stand.place([1])
    client = stand.wheel._servers.client
    before = (await client.config_get("maxmemory"))["maxmemory"]
    await client.config_set("maxmemory", "1mb")
    try:
        await stand.wheel.begin_rebuild(stand.shard)
    finally:
        await client.config_set("maxmemory", before)
    assert (await stand.wheel.counts(stand.shard, NOW)).waiting == 0
