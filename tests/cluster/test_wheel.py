"""Every operation of the wheel over eight shards on three primaries. DESIGN 4: shards; F8, F11."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from api.embedded.valkey import valkey_binary
from scheduler.errors import ServerUnavailable, SettingsError, StartError
from scheduler.wheel import CallEnd, Claim, Gate, Lane, Placing, Release, TimingWheel
from scheduler.wheel.checks import wheel_facts
from tests.cluster.conftest import SHARDS
from tests.cluster.launcher import Cluster, Node
from tests.wheel.builders import MINUTE, NOW

EACH = 20


async def lanes(wheel: TimingWheel, **rule: int) -> None:
    """Lane n on shard n, behind a gate of its own."""
    await wheel.shape(
        [Lane(shard, shard, "bulk", (f"a:{shard}",)) for shard in range(SHARDS)],
        [Gate(f"a:{shard}", shard, **rule) for shard in range(SHARDS)],
        now_ms=NOW,
    )


def some(shard: int, at_ms: int = NOW) -> list[Placing]:
    return [Placing(shard, shard, shard * EACH + n, at_ms, 0) for n in range(EACH)]


async def claim(wheel: TimingWheel, shard: int, claim_id: str = "c", epoch: str = "e1") -> list[Claim]:
    claimed = await wheel.claim(
        shard, worker="w", claim_id=claim_id, limit=100, now_ms=NOW, wall_ms=NOW, epoch=epoch
    )
    return claimed.claims


async def test_the_shards_spread_over_the_primaries_and_every_operation_finds_its_own(
    wheel: TimingWheel, cluster: Cluster
) -> None:
    """DESIGN 4: each shard lies on one node, whole; a call for several shards reaches them all."""
    await lanes(wheel, max_concurrent=EACH)
    placed = [placing for shard in range(SHARDS) for placing in some(shard)]
    assert await wheel.place(placed, NOW) == SHARDS * EACH
    assert await wheel.place(placed, NOW) == 0
    assert await wheel.missing(placed) == []
    tags = [{key.split("}")[0] for key in await node.ask("KEYS", "*")} for node in await cluster.primaries()]
    assert all(tags)
    assert sum(map(len, tags)) == SHARDS

    claims = [claim_ for shard in range(SHARDS) for claim_ in await claim(wheel, shard)]
    assert {(each.shard, each.loop_id) for each in claims} == {(each.shard, each.loop_id) for each in placed}
    assert await claim(wheel, 3) == [each for each in claims if each.shard == 3], (
        "the same id, the same answer"
    )
    assert await wheel.extend(claims, NOW + 1) == []
    for shard in range(SHARDS):
        counts = await wheel.counts(shard, NOW)
        assert (counts.waiting, counts.leased, counts.in_call, counts.lanes) == (0, EACH, EACH, 1)

    half = [each for each in claims if each.loop_id % 2]
    stale = await wheel.settle(
        releases=[Release(each, sent=True) for each in half],
        ends=[CallEnd(each.shard, each.lane_id, each.loop_id) for each in half],
        placings=[Placing(each.shard, each.lane_id, each.loop_id, NOW + MINUTE) for each in half],
        now_ms=NOW,
        wall_ms=NOW,
    )
    assert stale == []
    assert await wheel.settle(releases=[Release(half[0], sent=True)], now_ms=NOW, wall_ms=NOW) == [half[0]]
    late = NOW + 2 * wheel.lease_ms
    reaped = [each for shard in range(SHARDS) for each in await wheel.expired(shard, wall_ms=late, limit=500)]
    releases = [Release(each, sent=False) for each in reaped]
    assert await wheel.reap(releases, now_ms=NOW, wall_ms=late) == []
    assert {each.loop_id for each in reaped} == {each.loop_id for each in claims} - {e.loop_id for e in half}
    assert await wheel.withdraw([(each.shard, each.lane_id, each.loop_id) for each in reaped], NOW) == len(
        reaped
    )
    assert {await wheel.next_wake(shard, NOW) for shard in range(SHARDS)} == {NOW + MINUTE}
    assert [await wheel.drop_lanes(shard, [shard]) for shard in range(SHARDS)] == [EACH // 2] * SHARDS
    assert min([await wheel.server_time_ms(shard) for shard in range(SHARDS)]) > NOW


async def test_the_bell_of_a_shard_rings_for_who_waits_there(wheel: TimingWheel) -> None:
    await lanes(wheel)
    for shard in range(SHARDS):
        await wheel.wait_bell(shard, 5)
    waiting = {shard: asyncio.create_task(wheel.wait_bell(shard, 30)) for shard in range(SHARDS)}
    for shard, wait in waiting.items():
        await wheel.place(some(shard), NOW)
        assert await wait


async def test_a_rebuild_wipes_one_shard_alone(wheel: TimingWheel, cluster: Cluster) -> None:
    """The server's keys are walked through on the shard's node only."""
    await lanes(wheel)
    await wheel.place([placing for shard in range(SHARDS) for placing in some(shard)], NOW)
    await wheel.begin_rebuild(2)
    assert await wheel.epoch(2) is None
    kept = [(await wheel.counts(shard, NOW)).waiting for shard in range(SHARDS)]
    assert kept == [0 if shard == 2 else EACH for shard in range(SHARDS)]
    await wheel.restore_calls(2, [(("a:2",), 7, NOW + MINUTE)])
    await wheel.open_epoch(2, "e2")
    assert (await wheel.counts(2, NOW)).in_call == 1
    assert await wheel.epoch(2) == "e2"


async def test_scripts_that_a_node_has_forgotten_are_loaded_again(
    wheel: TimingWheel, cluster: Cluster
) -> None:
    """F11."""
    await lanes(wheel)
    for node in await cluster.primaries():
        await node.ask("SCRIPT", "FLUSH")
    await wheel.place([placing for shard in range(SHARDS) for placing in some(shard)], NOW)
    assert [len(await claim(wheel, shard)) for shard in range(SHARDS)] == [EACH] * SHARDS


async def test_a_primary_that_evicts_keys_is_refused_at_start(cluster: Cluster) -> None:
    primary = (await cluster.primaries())[2]
    await primary.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StartError, match="evicts"):
            await TimingWheel.connect(cluster.url)
        assert (await wheel_facts(cluster.url)).eviction == "allkeys-lru"
    finally:
        await primary.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")


async def test_a_node_that_knows_no_slots_is_passed_over(cluster: Cluster, tmp_path: Path) -> None:
    """A node that lost its file, or was never let in."""
    alone = Node(valkey_binary(), tmp_path, 0)
    alone.start()
    try:
        await alone.up()
        urls = f"{alone.address},{cluster.nodes[0].address}"
        wheel = await TimingWheel.connect(f"redis://{urls}?cluster=true", shards=SHARDS)
        assert await wheel.server_time_ms(SHARDS - 1) > NOW
        await wheel.close()
        with pytest.raises(ServerUnavailable, match="does not answer"):
            await TimingWheel.connect(f"redis://{alone.address}?cluster=true")
    finally:
        await alone.close()


async def test_one_start_node_is_enough_and_the_cluster_must_be_named_as_one(cluster: Cluster) -> None:
    """One that is down is passed over; a node alone holds a part of the wheel only."""
    nowhere, node = "127.0.0.1:1", cluster.nodes[4].address
    wheel = await TimingWheel.connect(f"redis://{nowhere},{node}?cluster=true", shards=SHARDS)
    await wheel.ping()
    await wheel.close()
    with pytest.raises(StartError, match="node of a cluster"):
        await TimingWheel.connect(f"redis://{node}")
    with pytest.raises(SettingsError, match="no address of a cluster"):
        await TimingWheel.connect(f"redis://{nowhere},{node}")
    with pytest.raises(ServerUnavailable):
        await TimingWheel.connect(f"redis://{nowhere}?cluster=true")


async def test_a_single_server_is_no_cluster(valkey_url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no address of a cluster"):
        await TimingWheel.connect(f"{valkey_url}?cluster=true")
    node = Node(valkey_binary(), tmp_path, 0)
    node.start(cluster=False)
    try:
        await node.up(cluster=False)
        with pytest.raises(StartError, match="no cluster"):
            await TimingWheel.connect(f"redis://{node.address}?cluster=true")
    finally:
        await node.close()
