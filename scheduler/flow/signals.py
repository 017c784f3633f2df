"""Signs of life of a lead: kept, and the schedule waits, since a person of ours has something to answer."""

from __future__ import annotations

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import WAITING, LeadMoves, follow, note_moves, until_in_force
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import to_datetime, to_ms

KINDS = frozenset({"replied", "clicked", "opened", "booked", "inbound_call", "human_takeover"})

ONLY_TOLD = frozenset({"opened"})
"""Kinds that stop nothing: programs open mails as well."""


class Noted(msgspec.Struct, frozen=True):
    """The signal as it stands; `added` is False when it was told before. `quiet_until_ms`: what it stops the
    schedule until, None when it stops nothing."""

    added: bool
    signal_id: int
    channel: str | None
    created_at_ms: Ms
    quiet_until_ms: Ms | None


async def note_signal(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    lead_id: int,
    kind: str,
    channel: str | None,
    at_ms: Ms,
    pause_ms: Ms,
    actor: Actor,
    permit_s: float,
) -> Noted:
    """Keep a signal, and have the lead's loop wait until `pause_ms` after it, unless that is over.

    From the answer on nothing automatic leaves before: what was permitted has run out. A callback that the
    lead asked for is made all the same. Raises NotFound.
    """
    now_ms = clock.now_ms()
    until_ms = None if kind in ONLY_TOLD or at_ms + pause_ms <= now_ms else at_ms + pause_ms

    async def work(on: Connection) -> tuple[Noted, LeadMoves | None]:
        await locked_lead(flow, account_id, lead_id, on)
        row = await flow.database.fetch_row(
            "lead_signal_add",
            account_id,
            lead_id,
            kind,
            channel,
            to_datetime(at_ms),
            to_datetime(now_ms),
            on=on,
        )
        assert row is not None
        noted = Noted(row["added"], row["lead_signal_id"], row["channel"], to_ms(row["created_at"]), until_ms)
        if not row["added"]:
            return noted, None
        moves = None if until_ms is None else await _hush(flow, lead_id, until_ms, now_ms, on)
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="lead_signal_noted",
            object_=f"lead:{lead_id}",
            before=None,
            after={"kind": kind, "channel": channel},
            now_ms=now_ms,
        )
        return noted, moves

    noted, moves = await in_transaction(flow.database, work)
    if moves is not None:
        since_s = clock.monotonic_s()
        await follow(flow, moves, now_ms)
        await until_in_force(flow, clock, moves.armed, since_s=since_s, permit_s=permit_s)
    return noted


async def _hush(flow: Flow, lead_id: int, until_ms: Ms, now_ms: Ms, on: Connection) -> LeadMoves | None:
    """Have the lead's loop wait; None when it waits for longer already."""
    until, now = to_datetime(until_ms), to_datetime(now_ms)
    if await flow.database.fetch_row("lead_quiet", lead_id, until, now, on=on) is None:
        return None
    loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
    replanned = [loop["loop_id"] for loop in loops if loop["status"] in WAITING]
    return await note_moves(flow, loops, now_ms, on, replanned=replanned)
