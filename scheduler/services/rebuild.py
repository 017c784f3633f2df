"""Building a lost wheel anew: call slots first, so that no empty cap allows a flood, then what is due."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.gates import Route, gates_of
from scheduler.ledger.instants import to_ms
from scheduler.services.feeder import feed

log = structlog.get_logger()

BUILDER_LOCK = 0x776865656C  # "wheel": one builder at a time


async def rebuild(
    flow: Flow, shard: int, now_ms: Ms, *, new_id: Callable[[], UUID], call_ms: Ms, whole_too: bool = False
) -> int | None:
    """Rebuild the lost shard and open a new epoch. Answers how many loops were placed; None when another
    process is at it or has done it. `whole_too`: wipe and rebuild the shard even if nothing is wrong with it.

    Until the epoch is open every claim is refused. Raises ServerUnavailable; a second run starts over.
    """
    async with flow.database.connection() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", BUILDER_LOCK):
            return None
        try:
            if not whole_too and await flow.wheel.epoch(shard) is not None:
                return None  # somebody rebuilt it since it was found lost
            await flow.wheel.begin_rebuild(shard)
            await flow.lanes.shape_all(now_ms)
            calls = await flow.database.fetch("attempt_live")
            await flow.wheel.restore_calls(
                shard,
                [
                    (gates_of(row["account_id"], row["agent_id"], row["batch_id"],
                              Route(row["trunk_id"], row["caller_id_pool_id"])),
                     row["loop_id"], to_ms(row["armed_at"]) + call_ms)
                    for row in calls
                    if row["shard"] == shard
                ],
            )  # fmt: skip
            placed = await feed(flow, 0, now_ms + flow.horizon_ms, now_ms)
            epoch = new_id().hex
            await flow.wheel.open_epoch(shard, epoch)
            log.info("wheel_rebuilt", shard=shard, loops=placed, calls=len(calls), epoch=epoch)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", BUILDER_LOCK)
    return placed
