"""Spreading the accounts over another number of shards: lanes move in the ledger, the wheel is built anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec
import structlog

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.flow.context import Flow
from scheduler.ledger.accounts import stored_shards
from scheduler.services.rebuild import builder, rebuild_shard

log = structlog.get_logger()

WAIT_S = 60.0
"""How long another builder is waited for."""


class Resharded(msgspec.Struct, frozen=True):
    """How many shards there are now, `lanes` that lie on another one, `loops` placed on the new wheel."""

    shards: int
    lanes: int
    loops: int


async def reshard(
    flow: Flow, shards: int, now_ms: Ms, *, new_id: Callable[[], UUID], call_ms: Ms
) -> Resharded:
    """Spread the accounts over `shards` shards and rebuild the wheel; `flow` counts that many afterwards.

    Nothing is claimed meanwhile. Processes that count otherwise claim nothing from then on. Raises Refused
    when another builder is at work, ServerUnavailable; where it ends halfway, running it again completes it,
    and so does the sweeper of a process with the new number.
    """
    for _ in range(round(WAIT_S / 0.2)):
        async with builder(flow) as ours:
            if ours:
                return await _reshard(flow, shards, now_ms, new_id, call_ms)
        await asyncio.sleep(0.2)
    raise Refused(
        "state-conflict",
        "the shards were not changed",
        f"another process has been rebuilding the wheel for {WAIT_S:.0f} s",
        "see: dialwheel wheel",
    )


async def _reshard(flow: Flow, shards: int, now_ms: Ms, new_id: Callable[[], UUID], call_ms: Ms) -> Resharded:
    before = max(await stored_shards(flow.database), flow.wheel.shards)
    flow.wheel.resize(max(before, shards))
    for shard in range(flow.wheel.shards):
        await flow.wheel.close_epoch(shard)  # from here on nobody is given anything
    lanes = await _move_lanes(flow, shards)
    for shard in range(shards, flow.wheel.shards):
        await flow.wheel.begin_rebuild(shard)
    flow.wheel.resize(shards)
    flow.lanes.resize(shards)
    placed = 0
    for shard in range(shards):
        placed += await rebuild_shard(flow, shard, now_ms, new_id=new_id, call_ms=call_ms)
    log.info("wheel_resharded", shards=shards, lanes=lanes, loops=placed)
    return Resharded(shards, lanes, placed)


async def _move_lanes(flow: Flow, shards: int) -> int:
    """In one transaction: a lane that is made meanwhile waits, and then lies where the new number says."""
    async with flow.database.transaction() as on:
        await on.execute("LOCK TABLE lane IN SHARE ROW EXCLUSIVE MODE")
        await flow.database.execute("shards_keep", shards, on=on)
        return len(await flow.database.fetch("lane_reshard", on=on))
