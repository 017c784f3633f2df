"""After a change of leads: the wheel follows, and no call leaves any more by a permit from before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.flow.opt_out import MARGIN
from scheduler.flow.replan import replan_loops
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_ms
from scheduler.wheel import Placing

log = structlog.get_logger()

WAITING = frozenset({"scheduled", "waiting_callback"})

_LOOK_AGAIN_S = 0.02


class LeadMoves(msgspec.Struct):
    """What a transaction that changed leads leaves to be done after its commit. `leaving`: where loops were,
    as (shard, lane, loop); `placings`: where they are now; `armed`: attempts with a permit from before."""

    leaving: list[tuple[int, int, int]]
    placings: list[Placing]
    armed: list[int]


async def note_moves(
    flow: Flow, loops: Sequence[Row], now_ms: Ms, on: Connection, *, replanned: Sequence[int] = ()
) -> LeadMoves:
    """Inside the transaction of the change: plan the `replanned` ones of these loops anew, and note where all
    of them were and who is just being called. `loops`: rows of `lead_loops` from before the change."""
    planned = await replan_loops(flow, flow.database, replanned, now_ms, on) if replanned else []
    live = await flow.database.fetch("lead_live", [row["lead_id"] for row in loops], on=on)
    moves = LeadMoves([], [], [row["attempt_id"] for row in live if row["state"] == "armed"])
    now_at = {
        placing.loop_id: placing for placing in planned if flow.within_horizon(placing.due_at_ms, now_ms)
    }
    for row in loops:
        if row["status"] not in WAITING:
            continue
        placing, was_at_ms = now_at.get(row["loop_id"]), to_ms(row["next_at"])
        if placing is None or placing.lane_id != row["lane_id"]:
            moves.leaving.append((row["shard"], row["lane_id"], row["loop_id"]))
        elif placing.due_at_ms != was_at_ms:
            now_at[row["loop_id"]] = msgspec.structs.replace(placing, was_at_ms=was_at_ms)
        else:  # a dialer may have it in its hands by now: it is not touched
            del now_at[row["loop_id"]]
    moves.placings += now_at.values()
    return moves


async def follow(flow: Flow, moves: LeadMoves, now_ms: Ms) -> None:
    """After the commit. With the wheel away the arm refuses what it hands out as it was before."""
    try:
        if moves.leaving:
            await flow.wheel.withdraw(moves.leaving, now_ms)
    except DialwheelError as error:
        log.warning("loops_not_withdrawn", loops=len(moves.leaving), why=error.what)
    await flow.place(moves.placings, now_ms)


async def in_force(flow: Flow, clock: Clock, moves: LeadMoves | None, permit_s: float) -> None:
    """Right after the commit, if it changed anything: return when it holds for whatever is dialled."""
    if moves is None:
        return
    since_s = clock.monotonic_s()
    await follow(flow, moves, clock.now_ms())
    await until_in_force(flow, clock, moves.armed, since_s=since_s, permit_s=permit_s)


async def until_in_force(
    flow: Flow, clock: Clock, armed: Sequence[int], *, since_s: float, permit_s: float
) -> None:
    """Return when none of these attempts can be sent any more that was not; `since_s`: when the change was
    committed, on the monotonic clock."""
    if not armed:
        return
    while (left_s := since_s + permit_s * MARGIN - clock.monotonic_s()) > 0:
        row = await flow.database.fetch_row("lead_armed", list(armed))
        if row is None or not row["armed"]:
            return
        await asyncio.sleep(min(_LOOK_AGAIN_S, left_s))
