"""Erasing a person: what identifies them is gone, what was done is still counted.

Ids, states, counts and instants stay, so that sums still add up. A suppression stays as a keyed hash of the
phone: the number comes in by no file and no request any more.
"""

from __future__ import annotations

from scheduler.clock import Clock
from scheduler.errors import NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.keys import lead_key
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import LeadMoves, follow, note_moves
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.news import tell_ended

_DIGITS = 9
"""Of a phone, from its end: they are the same with and without a country's code or a leading zero."""


async def erase_lead(flow: Flow, clock: Clock, *, account_id: int, lead_id: int, actor: Actor) -> None:
    """Erase a lead and end what is followed up; again changes nothing.

    Raises NotFound, and Refused (`lead-busy`) while a call to it is under way: nothing was changed then.
    """
    now_ms = clock.now_ms()
    now = to_datetime(now_ms)

    async def work(on: Connection) -> LeadMoves | None:
        try:
            lead = await locked_lead(flow, account_id, lead_id, on)
        except NotFound:
            if await flow.database.fetch_row("lead_known", account_id, lead_id, on=on) is None:
                raise
            return None
        if await flow.database.fetch("lead_live", [lead_id], on=on):
            raise Refused(
                "lead-busy",
                "a call to the lead is under way",
                "what comes of it could not be kept from a person who is gone",
                "end the call, or wait for its end, and send the request again",
            )
        loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
        await flow.database.fetch("lead_end_loops", [lead_id], "removed", "closed", now, on=on)
        await tell_ended(flow.database, [row["loop_id"] for row in loops], now_ms, on)
        await flow.database.execute("lead_erase", account_id, lead_id, now, on=on)
        await flow.database.execute("lead_erase_attempts", account_id, lead_id, now, on=on)
        await flow.database.execute("lead_erase_signals", account_id, lead_id, on=on)
        await flow.database.execute("lead_erase_callbacks", account_id, lead_id, on=on)
        await flow.database.execute("lead_erase_rejects", account_id, lead.phone[-_DIGITS:], on=on)
        mark = lead_key(flow.phone_key, None, lead.phone)
        await flow.database.execute("lead_erase_suppression", account_id, lead.phone, mark, now, on=on)
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="lead_erased",
            object_=f"lead:{lead_id}",
            before=None,
            after=None,
            now_ms=now_ms,
        )
        return await note_moves(flow, loops, now_ms, on)

    moves = await in_transaction(flow.database, work)
    if moves is not None:
        await follow(flow, moves, now_ms)
