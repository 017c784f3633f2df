"""Stopping and restarting all dialing of an account.

Workers do not lock the account to arm, so an arm that read the old state may commit after the pause. It may
send for as long as a permit lasts and no longer: the pause is answered that much after its commit, and from
its answer on nothing is dialled.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError, NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.opt_out import MARGIN
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.wheel import Placing

log = structlog.get_logger()

CHUNK = 20_000
"""Loops moved in one transaction."""

ROOM_MS: Ms = 120 * SECOND
"""What is moved stays this far from the end of its hours; the arm keeps half of it."""


async def pause_account(
    flow: Flow, clock: Clock, *, account_id: int, reason: str, actor: Actor, permit_s: float
) -> None:
    """Stop all dialing; returns when nothing more can leave. Again changes the reason only.

    Raises NotFound. With the wheel away the pause holds all the same: the arm asks the ledger.
    """
    now_ms = clock.now_ms()
    async with flow.database.transaction() as on:
        before = await flow.database.fetch_row(
            "pause_account", account_id, reason, to_datetime(now_ms), on=on
        )
        if before is None:
            raise NotFound("no such account")
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="dialing_paused",
            object_=f"account:{account_id}",
            before={"paused": before["paused"], "pause_reason": before["pause_reason"]},
            after={"paused": True, "pause_reason": reason},
            now_ms=now_ms,
        )
    committed_s = clock.monotonic_s()
    try:
        await flow.lanes.shape_account(account_id, now_ms)
    except DialwheelError as error:
        log.warning("gate_not_shaped", account_id=account_id, why=error.what)
    await asyncio.sleep(max(0.0, committed_s + permit_s * MARGIN - clock.monotonic_s()))


async def resume_account(
    flow: Flow, clock: Clock, *, account_id: int, spread_over_s: int, actor: Actor
) -> int:
    """Restart dialing; answers how many calls were moved.

    Calls that came due meanwhile are spread evenly over `spread_over_s` within their hours; live leads keep
    their time and so go first. The spreading happens while the pause still holds: nothing leaves in a burst.
    Raises NotFound; Refused (`state-conflict`) when somebody paused again meanwhile.
    """
    state = await flow.database.fetch_row("pause_state", account_id)
    if state is None:
        raise NotFound("no such account")
    moved = 0
    if state["paused"]:
        moved = await _spread(flow, account_id, spread_over_s, clock.now_ms())
        await _lift(flow, account_id, state["version"], state["pause_reason"], actor, clock.now_ms())
    await flow.lanes.shape_account(account_id, clock.now_ms())
    return moved


async def _spread(flow: Flow, account_id: int, spread_over_s: int, now_ms: Ms) -> int:
    """Move what is overdue, a chunk of leads at a time, in id order."""
    now, room = to_datetime(now_ms), timedelta(milliseconds=ROOM_MS)
    spread = timedelta(seconds=spread_over_s)
    detail = f"calls held back by the pause start again over {spread_over_s} s"
    moved, after, more = 0, 0, True

    async def move(on: Connection) -> tuple[list[int], list[Row]]:
        locked = await flow.database.fetch("pause_overdue", account_id, now, room, after, CHUNK, on=on)
        lead_ids = [row["lead_id"] for row in locked]
        return lead_ids, await flow.database.fetch("pause_spread", lead_ids, now, room, spread, detail, on=on)

    while more:
        lead_ids, rows = await in_transaction(flow.database, move)
        placings = [_placing(row) for row in rows]
        await flow.place([item for item in placings if flow.within_horizon(item.due_at_ms, now_ms)], now_ms)
        moved += len(rows)
        more = len(lead_ids) == CHUNK
        after = lead_ids[-1] if lead_ids else after
    return moved


def _placing(row: Row) -> Placing:
    return Placing(row["shard"], row["lane_id"], row["loop_id"], to_ms(row["next_at"]), to_ms(row["was_at"]))


async def _lift(
    flow: Flow, account_id: int, version: int, reason: str | None, actor: Actor, now_ms: Ms
) -> None:
    async with flow.database.transaction() as on:
        lifted = await flow.database.fetch_row("pause_lift", account_id, version, to_datetime(now_ms), on=on)
        if lifted is None:
            raise Refused(
                "state-conflict",
                "the account was changed while it was being resumed",
                "somebody paused or resumed it meanwhile",
                "read the account again, then decide",
            )
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="dialing_resumed",
            object_=f"account:{account_id}",
            before={"paused": True, "pause_reason": reason},
            after={"paused": False, "pause_reason": None},
            now_ms=now_ms,
        )
