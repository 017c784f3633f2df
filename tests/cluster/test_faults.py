"""What a cluster does to its users: failovers, slots on their way, forgotten scripts. F7 F8 I14 I16."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot

from scheduler.errors import EpochNotReady, ServerUnavailable
from scheduler.wheel import Claim, Lane, Placing, TimingWheel
from tests.cluster.launcher import Cluster, Node
from tests.cluster.load import Load, Opener
from tests.wheel.builders import NOW

SHARD = 3
SLOT = int(key_slot(b"{dw:3}"))


@pytest.fixture
async def load(wheel: TimingWheel) -> AsyncIterator[Load]:
    """Writers and dialers at work, and who opens shards whose server has changed."""
    load = Load(wheel)
    await load.start()
    opener = Opener(load)
    await load.goes_on(50)
    yield load
    await load.stop()
    await opener.stop()


async def all_done(load: Load) -> None:
    """Every placing that was answered has come up, and none twice at once."""
    await load.stop()
    await load.finish()
    assert load.lost() == set()
    assert load.doubled == []


async def claim(wheel: TimingWheel, claim_id: str, epoch: str) -> list[Claim]:
    claimed = await wheel.claim(
        SHARD, worker="w", claim_id=claim_id, limit=100, now_ms=NOW, wall_ms=NOW, epoch=epoch
    )
    return claimed.claims


async def test_a_primary_that_dies_under_load_costs_a_moment_and_nothing_else(
    load: Load, cluster: Cluster
) -> None:
    """F8 I14 I16: what was acknowledged comes up, no epoch hands a loop out twice, claims go on."""
    primary = await cluster.owner(SLOT)
    replica = await cluster.replica_of(primary)
    primary.kill()
    await cluster.taken_over(replica)
    await load.goes_on()
    assert load.troubles
    assert len(load.epochs[SHARD]) >= 2, "the shard was opened anew"
    await all_done(load)


async def test_writes_that_a_failover_lost_are_swept_up_under_a_new_epoch(
    wheel: TimingWheel, cluster: Cluster
) -> None:
    """F7: acknowledged by a primary whose replica had lost touch. Claims of before and of after are never of
    one epoch, and the forgotten script is loaded again."""
    primary = await cluster.owner(SLOT)
    replica = await cluster.replica_of(primary)
    placings = [Placing(SHARD, 1, loop, NOW, 0) for loop in range(20)]
    await wheel.shape([Lane(1, SHARD, "bulk")], now_ms=NOW)
    await wheel.place(placings[:10], NOW)
    await cluster.cut_off(replica, primary)
    claims = await claim(wheel, "c1", "e1")
    await wheel.place(placings[10:], NOW)
    primary.kill()
    await cluster.taken_over(replica)

    with pytest.raises((EpochNotReady, ServerUnavailable)):
        await claim(wheel, "c2", "e1")
    with pytest.raises(EpochNotReady):
        await claim(wheel, "c3", "e1")
    assert await wheel.server_changed(SHARD)
    assert await wheel.missing(placings) == placings[10:]
    await wheel.place(placings[10:], NOW)
    await wheel.open_epoch(SHARD, "e2")
    again = await claim(wheel, "c4", "e2")
    assert {each.loop_id for each in claims} <= {each.loop_id for each in again} == set(range(20))
    assert await wheel.extend(claims, NOW) == claims, "what the lost claims held is stale"


async def test_the_bell_is_found_again_on_the_replica_that_took_over(
    wheel: TimingWheel, cluster: Cluster
) -> None:
    await wheel.shape([Lane(1, SHARD, "bulk")], now_ms=NOW)
    await wheel.wait_bell(SHARD, 5)
    waiting = asyncio.create_task(wheel.wait_bell(SHARD, 30))
    await asyncio.sleep(0)
    primary = await cluster.owner(SLOT)
    replica = await cluster.replica_of(primary)
    primary.kill()
    with pytest.raises(ServerUnavailable):
        await waiting
    await cluster.taken_over(replica)

    async def rings() -> bool:
        try:
            await wheel.open_epoch(SHARD, "e2")
            return await wheel.wait_bell(SHARD, 5)
        except ServerUnavailable:
            return False

    assert await rings() or await rings()


@pytest.mark.parametrize("how", ["key by key", "at once"])
async def test_a_slot_on_its_way_to_another_node_loses_nothing(
    load: Load, cluster: Cluster, how: str
) -> None:
    """F8: MOVED, ASK and TRYAGAIN under load; a script never runs on a part of its shard."""
    source = await cluster.owner(SLOT)
    target = next(node for node in await cluster.primaries() if node is not source)
    try:
        if how == "key by key":
            await cluster.migrate(SLOT, source, target)
        else:
            await at_once(cluster, source, target)
        await load.goes_on()
        assert len(load.epochs[SHARD]) >= 2, "another process serves it: it was opened anew"
        await all_done(load)
    finally:
        await cluster.migrate(SLOT, target, source)


async def at_once(cluster: Cluster, source: Node, target: Node) -> None:
    if "valkey_version" not in await source.info("server"):
        pytest.skip("Redis 7.0 moves slots key by key only: at once was NOT tested with it")
    await source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOT, SLOT, "NODE", target.id)
    await cluster.owned_by(SLOT, target)
