"""F7 and F8 where the wheel is on a cluster: replicas that take over, one out of touch, slots that move."""

from __future__ import annotations

import asyncio

from redis.crc import key_slot

from tests.cluster.launcher import Cluster, Node
from tests.faults.bed import Trial
from tests.faults.kinds import fault

SLOT = int(key_slot(b"{dw:0}"))
"""Of the one shard that a trial's account lies on."""

WORLD = {"leads": 60, "clustered": True}


async def _under_load(t: Trial) -> tuple[Cluster, Node]:
    """The cluster, and the node that serves the shard."""
    assert t.cluster is not None
    await t.scheduler()
    for _ in range(2):
        await t.dialer()
    await t.until_dials(t.dice.randrange(1, 10))
    return t.cluster, await t.cluster.owner(SLOT)


async def _goes_on(t: Trial) -> None:
    """Work that came meanwhile is done on the server that has the shard now."""
    dials = t.dials()
    await t.enrol(6)
    await t.until_dials(dials + 1)


@fault("F8", "failover", needs=("failed over",), **WORLD)
async def a_replica_takes_over_in_good_order(t: Trial) -> None:
    cluster, primary = await _under_load(t)
    replica = await cluster.replica_of(primary)
    await replica.ask("CLUSTER", "FAILOVER")
    await cluster.taken_over(replica)
    t.hit("failed over")
    await _goes_on(t)


@fault("F8", "primary killed", needs=("took over from the dead",), **WORLD)
async def a_replica_takes_over_from_a_dead_primary(t: Trial) -> None:
    """Until then nobody serves the slot: CLUSTERDOWN."""
    cluster, primary = await _under_load(t)
    replica = await cluster.replica_of(primary)
    primary.kill()
    await cluster.taken_over(replica)
    t.hit("took over from the dead")
    await _goes_on(t)
    await cluster.whole()


@fault("F8", "slot moved", needs=("slot moved under load",), **WORLD)
async def a_slot_moves_to_another_node_key_by_key(t: Trial) -> None:
    """MOVED, ASK and TRYAGAIN."""
    cluster, source = await _under_load(t)
    others = [node for node in await cluster.primaries() if node is not source]
    await cluster.migrate(SLOT, source, t.dice.choice(others))
    t.hit("slot moved under load")
    await _goes_on(t)


@fault("F7", "cut link", needs=("a failover lost writes",), **WORLD)
async def a_replica_takes_over_that_had_lost_touch(t: Trial) -> None:
    """Claims and settles go on and are acknowledged, then the primary dies: its replica never had them."""
    cluster, primary = await _under_load(t)
    replica = await cluster.replica_of(primary)
    await cluster.cut_off(replica, primary)
    await t.until_dials(t.dials() + t.dice.randrange(1, 8))
    await asyncio.sleep(0.1 * t.dice.random())
    written = (await primary.info("replication"))["master_repl_offset"]
    primary.kill()
    t.sometimes["a failover lost writes"] += (
        written > (await replica.info("replication"))["slave_repl_offset"]
    )
    await cluster.taken_over(replica)
    await _goes_on(t)
    await cluster.whole()
