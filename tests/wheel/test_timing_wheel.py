"""The class around the scripts: starting, losing the server, rebuilding. I14, I22, F6, F11, F12."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.errors import EpochNotReady, ServerUnavailable, StartError
from scheduler.wheel import Gate, Lane, Placing, TimingWheel
from tests.wheel.builders import EPOCH, MINUTE, NOW, Stand


async def test_a_server_that_evicts_keys_is_refused_at_start(wheel: TimingWheel, wheel_url: str):
    client = wheel._servers.client
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StartError, match="evicts"):
            await TimingWheel.connect(wheel_url)
    finally:
        await client.config_set("maxmemory-policy", "noeviction")


async def test_a_server_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ServerUnavailable, match="does not answer") as caught:
        await TimingWheel.connect(f"unix://{tmp_path}/none.sock")
    assert caught.value.do


async def test_a_forgotten_script_is_loaded_again(stand: Stand):
    """F11: restart or SCRIPT FLUSH between two calls."""
    await stand.place([1])
    await stand.wheel._servers.client.script_flush()
    assert await stand.loops() == [1]


async def test_a_wheel_that_was_wiped_refuses_claims_until_it_is_rebuilt(stand: Stand):
    """F6: an empty wheel would have empty caps; it must not allow a flood."""
    await stand.place([1])
    await stand.wheel._servers.client.flushall()
    assert await stand.wheel.epoch(stand.shard) is None
    with pytest.raises(EpochNotReady):
        await stand.claim()


async def test_a_rebuilt_wheel_holds_what_the_ledger_says(stand: Stand):
    """I22; calls under way take their slots before anything is handed out (I12)."""
    wheel, shard = stand.wheel, stand.shard
    await stand.place(range(10), MINUTE)
    await stand.claim(ahead_ms=MINUTE, limit=3)
    await wheel.begin_rebuild(shard)
    assert await wheel.epoch(shard) is None
    with pytest.raises(EpochNotReady):
        await stand.claim()
    counts = await wheel.counts(shard, NOW)
    assert (counts.waiting, counts.leased, counts.in_call, counts.lanes) == (0, 0, 0, 0)

    await wheel.shape([Lane(1, shard, "bulk", ("a:1",))], [Gate("a:1", shard, max_concurrent=2)], now_ms=NOW)
    await wheel.restore_calls(shard, [(("a:1", "g:9"), 77, NOW + MINUTE), ("a:1", 78, NOW - 1)])
    await wheel.place([Placing(shard, 1, loop, NOW) for loop in range(5)], NOW)
    await wheel.open_epoch(shard, "e2")
    assert await wheel.epoch(shard) == "e2"
    assert await stand.rang()
    with pytest.raises(EpochNotReady):
        await stand.claimed(epoch=EPOCH)
    assert len((await stand.claimed(epoch="e2")).claims) == 1
    assert (await wheel.counts(shard, NOW)).in_call == 2


async def test_a_rebuild_leaves_other_shards_alone(stand: Stand, wheel: TimingWheel):
    other = Stand(wheel)
    await wheel.open_epoch(other.shard, EPOCH)
    await stand.place([1])
    await wheel.begin_rebuild(other.shard)
    assert await stand.loops() == [1]


async def test_another_width_of_slots_is_not_ready(stand: Stand, wheel_url: str):
    """Slots of another width would file every loop elsewhere: changing it is a rebuild."""
    other = await TimingWheel.connect(wheel_url, shards=1_000_000, slot_ms=10_000)
    try:
        assert await other.epoch(stand.shard) is None
        with pytest.raises(EpochNotReady):
            await other.claim(
                stand.shard, worker="w", claim_id="c", limit=1, now_ms=NOW, wall_ms=NOW, epoch=EPOCH
            )
    finally:
        await other.close()


async def test_a_full_server_refuses_new_work_and_lets_the_old_go(stand: Stand):
    """F12: what frees memory runs on, what needs memory is refused whole."""
    await stand.place(range(10))
    claims = await stand.claim(4)
    client = stand.wheel._servers.client
    before = (await client.config_get("maxmemory"))["maxmemory"]
    await client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(ServerUnavailable):
            await stand.place([99])
        with pytest.raises(ServerUnavailable):
            await stand.claim()
        assert await stand.release(claims, sent=True) == []
        assert await stand.wheel.withdraw([(stand.shard, 1, loop) for loop in range(10)]) == 6
    finally:
        await client.config_set("maxmemory", before)
    assert await stand.waiting() == 0


async def test_words_with_spaces_are_refused(stand: Stand):
    with pytest.raises(ValueError, match="plain word"):
        await stand.claimed(claim_id="two words")
    with pytest.raises(ValueError, match="plain word"):
        await stand.wheel.open_epoch(stand.shard, "a b")


async def test_a_shard_that_is_not_there_is_refused(wheel: TimingWheel):
    with pytest.raises(EpochNotReady, match="no shard"):
        await wheel.next_wake(1_000_000, NOW)


async def test_the_library_never_repeats_a_call_by_itself(wheel: TimingWheel):
    """A repeated script would run twice: trap 1 of the review list."""
    connection = await wheel._servers.client.connection_pool.get_connection()
    try:
        assert connection.retry.get_retries() == 0
    finally:
        await wheel._servers.client.connection_pool.release(connection)


def test_on_redis_8_all_of_this_is_tried_where_it_is_at_hand(redis8_url: str):
    """Skipped aloud where it is not: then no line above ran on it."""
    assert redis8_url.startswith("unix://")


async def test_the_servers_clock_can_be_asked(wheel: TimingWheel):
    await wheel.ping()
    first = await wheel.server_time_ms()
    assert first > NOW - 10**11
    assert await wheel.server_time_ms() >= first
