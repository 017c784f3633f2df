"""Stopping and restarting the dialing of an account, an agent or a batch.

Workers do not lock the account to arm, so an arm that read the old state may commit after the pause. It may
send for as long as a permit lasts and no longer: the pause is answered that much after its commit, and from
its answer on nothing is dialled.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal, NamedTuple

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError, NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.moving import follow_moves, read_moved
from scheduler.flow.opt_out import MARGIN
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import EPOCH, to_datetime
from scheduler.ledger.news import tell, tell_moved

log = structlog.get_logger()

CHUNK = 20_000
"""Loops moved in one transaction."""

ROOM_MS: Ms = 120 * SECOND
"""What is moved stays this far from the end of its hours; the arm keeps half of it."""


class Scope(NamedTuple):
    """What is stopped as a whole. `id`: of the agent or the batch, of the account itself for an account."""

    kind: Literal["account", "agent", "batch"]
    account_id: int
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


async def pause(
    flow: Flow, clock: Clock, scope: Scope, *, reason: str | None, actor: Actor, permit_s: float
) -> None:
    """Stop all dialing of `scope`; returns when nothing more can leave. Again changes the reason only.

    Raises NotFound; Refused (`state-conflict`) for a batch that is over. With the wheel away the pause holds
    all the same: the arm asks the ledger.
    """
    now_ms = clock.now_ms()
    async with flow.database.transaction() as on:
        await _state(flow, scope, on)
        before = await flow.database.fetch_row(
            f"pause_{scope.kind}", scope.account_id, scope.id, reason, to_datetime(now_ms), on=on
        )
        if before is None:
            raise _over(scope)
        await write_audit(
            flow.database,
            on,
            account_id=scope.account_id,
            actor=actor,
            action="dialing_paused",
            object_=str(scope),
            before={"paused": before["paused"], "pause_reason": before["pause_reason"]},
            after={"paused": True, "pause_reason": reason},
            now_ms=now_ms,
        )
        await _tell(flow, "dialing.paused", scope, reason, now_ms, on)
    committed_s = clock.monotonic_s()
    try:
        await shape_gate(flow, scope, now_ms)
    except DialwheelError as error:
        log.warning("gate_not_shaped", scope=str(scope), why=error.what)
    await until_permits_are_void(clock, committed_s, permit_s)


async def resume(flow: Flow, clock: Clock, scope: Scope, *, spread_over_s: int, actor: Actor) -> int:
    """Restart dialing; answers how many calls were moved.

    Calls that came due meanwhile are spread evenly over `spread_over_s` within their hours; live leads keep
    their time and so go first, and what has a pace keeps to that. The spreading happens while the pause still
    holds: nothing leaves in a burst.
    Raises NotFound; Refused (`state-conflict`) when somebody paused again meanwhile, or for a batch that is
    over.
    """
    state = await _state(flow, scope)
    moved = 0
    if state["paused"]:
        moved = await _spread(flow, scope, spread_over_s, clock.now_ms())
        await _lift(flow, scope, state["version"], state["pause_reason"], actor, clock.now_ms())
    await shape_gate(flow, scope, clock.now_ms())
    return moved


async def _tell(flow: Flow, type_: str, scope: Scope, reason: str | None, now_ms: Ms, on: Connection) -> None:
    batch_ids = [scope.id] if scope.kind == "batch" else []
    extra = {"scope": scope.kind, "reason": reason}
    await tell(
        flow.database,
        type_,
        scope.account_id,
        ids=[scope.id],
        batch_ids=batch_ids,
        at_ms=now_ms,
        on=on,
        extra=extra,
    )


async def shape_gate(flow: Flow, scope: Scope, now_ms: Ms) -> None:
    """The gate of `scope` as the ledger has it now."""
    lanes = flow.lanes
    shapes = {"account": lanes.shape_account, "agent": lanes.shape_agent, "batch": lanes.shape_batch}
    await shapes[scope.kind](scope.id, now_ms)


async def until_permits_are_void(clock: Clock, committed_s: float, permit_s: float) -> None:
    """Wait until every permit is void that was given by an arm which did not see that commit."""
    await asyncio.sleep(max(0.0, committed_s + permit_s * MARGIN - clock.monotonic_s()))


async def _state(flow: Flow, scope: Scope, on: Connection | None = None) -> Row:
    state = await flow.database.fetch_row("pause_state", *scope, on=on)
    if state is None:
        raise NotFound(f"no such {scope.kind}")
    if state["over"]:
        raise _over(scope)
    return state


def _over(scope: Scope) -> Refused:
    return Refused(
        "state-conflict",
        f"the {scope.kind} is over",
        "nothing of it is called any more",
        "make a new one for what is to be called",
    )


async def _spread(flow: Flow, scope: Scope, spread_over_s: int, now_ms: Ms) -> int:
    """Move what is overdue, a chunk at a time, in order of time."""
    now, room = to_datetime(now_ms), timedelta(milliseconds=ROOM_MS)
    spread = timedelta(seconds=spread_over_s)
    detail = f"calls held back by the pause start again over {spread_over_s} s"
    agent_id = scope.id if scope.kind == "agent" else None
    batch_id = scope.id if scope.kind == "batch" else None
    moved, after, more = 0, (EPOCH, 0), True

    async def move(on: Connection) -> tuple[list[Row], list[Row]]:
        found = await flow.database.fetch(
            "pause_overdue", scope.account_id, agent_id, batch_id, now, room, *after, CHUNK, on=on
        )
        loops = [row["loop_id"] for row in found]
        rows = await flow.database.fetch("pause_spread", loops, now, room, spread, detail, moved, on=on)
        await tell_moved(flow.database, [row["loop_id"] for row in rows], now_ms, on)
        return found, rows

    while more:
        found, rows = await in_transaction(flow.database, move)
        await follow_moves(flow, [read_moved(row) for row in rows], now_ms)
        moved += len(rows)
        more = len(found) == CHUNK
        after = max(((row["next_at"], row["loop_id"]) for row in found), default=after)
    return moved


async def _lift(flow: Flow, scope: Scope, version: int, reason: str | None, actor: Actor, now_ms: Ms) -> None:
    async with flow.database.transaction() as on:
        lifted = await flow.database.fetch_row(
            f"pause_lift_{scope.kind}", scope.account_id, scope.id, version, to_datetime(now_ms), on=on
        )
        if lifted is None:
            raise Refused(
                "state-conflict",
                f"the {scope.kind} was changed while it was being resumed",
                "somebody paused or resumed it meanwhile",
                f"read the {scope.kind} again, then decide",
            )
        await write_audit(
            flow.database,
            on,
            account_id=scope.account_id,
            actor=actor,
            action="dialing_resumed",
            object_=str(scope),
            before={"paused": True, "pause_reason": reason},
            after={"paused": False, "pause_reason": None},
            now_ms=now_ms,
        )
        await _tell(flow, "dialing.resumed", scope, None, now_ms, on)
