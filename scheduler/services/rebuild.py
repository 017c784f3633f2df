"""Making the wheel whole: call slots first, so that no empty cap allows a flood, then what is due.

A wheel that was lost is built anew. Where only its server changed, by a restart or a failover, it is there
but for the last writes: rules and call slots are set right, a new epoch is opened at once, and the sweeper
finds what else is missing. Either way what was claimed before is armed no more: its slots are not known.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import structlog

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.gates import Route, gates_of
from scheduler.ledger.accounts import refuse_other_shards
from scheduler.ledger.epochs import begin_epoch
from scheduler.ledger.instants import to_ms
from scheduler.ledger.sessions import alone
from scheduler.services.feeder import feed

log = structlog.get_logger()

BUILDER_LOCK = 0x776865656C  # "wheel": one builder at a time


async def rebuild(
    flow: Flow, shard: int, now_ms: Ms, *, new_id: Callable[[], UUID], call_ms: Ms, whole_too: bool = False
) -> int | None:
    """Make the shard whole and open a new epoch. Answers how many loops were placed; None when another
    process is at it or has done it. `whole_too`: wipe and rebuild it even if nothing is wrong with it.

    Until the epoch is open every claim is refused. Raises SettingsError when this process counts other shards
    than the ledger, ServerUnavailable; a second run starts over.
    """
    async with builder(flow) as ours:
        if not ours:
            return None
        await refuse_other_shards(flow.database, flow.wheel.shards)
        if whole_too:
            return await rebuild_shard(flow, shard, now_ms, new_id=new_id, call_ms=call_ms)
        if await flow.wheel.epoch(shard) is not None:
            return None  # somebody rebuilt it since it was found lost
        if not await flow.wheel.server_changed(shard):
            return await rebuild_shard(flow, shard, now_ms, new_id=new_id, call_ms=call_ms)
        epoch = new_id().hex
        await flow.wheel.begin_rebuild(shard, epoch, keep=True)
        await begin_epoch(flow.database, shard, epoch)
        await flow.lanes.shape_all(now_ms, shard=shard, keep_hours=True)
        calls = await _restore_calls(flow, shard, call_ms)
        await flow.wheel.open_epoch(shard, epoch, epoch)
        log.info("wheel_server_changed", shard=shard, calls=calls, epoch=epoch)
        return 0


async def rebuild_shard(
    flow: Flow, shard: int, now_ms: Ms, *, new_id: Callable[[], UUID], call_ms: Ms
) -> int:
    """Wipe the shard and fill it from the ledger, under the builders' lock. Answers the loops placed.

    Raises EpochNotReady when the wheel was lost meanwhile, or another builder came because our lock was:
    what is on it then is not ours, and whoever comes next begins again.
    """
    epoch = new_id().hex
    await flow.wheel.begin_rebuild(shard, epoch)
    await begin_epoch(flow.database, shard, epoch)
    await flow.lanes.shape_all(now_ms, shard=shard)
    calls = await _restore_calls(flow, shard, call_ms)
    placed = await feed(flow, 0, now_ms + flow.reach.ms, now_ms, shard=shard)
    await flow.wheel.open_epoch(shard, epoch, epoch)
    log.info("wheel_rebuilt", shard=shard, loops=placed, calls=calls, epoch=epoch)
    return placed


def builder(flow: Flow) -> AbstractAsyncContextManager[bool]:
    """Whether this process is the only builder while it is within; False when another one is."""
    return alone(flow.database, BUILDER_LOCK)


async def _restore_calls(flow: Flow, shard: int, call_ms: Ms) -> int:
    """Calls under way take their slots again; answers how many there are."""
    calls = [row for row in await flow.database.fetch("attempt_live") if row["shard"] == shard]
    await flow.wheel.restore_calls(
        shard,
        [
            (gates_of(row["account_id"], row["agent_id"], row["batch_id"],
                      Route(row["trunk_id"], row["caller_id_pool_id"])),
             row["loop_id"], to_ms(row["armed_at"]) + call_ms)
            for row in calls
        ],
    )  # fmt: skip
    return len(calls)
