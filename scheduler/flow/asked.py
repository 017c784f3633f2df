"""What somebody says of a loop's next attempt: when it is to be made, or that it is not."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from scheduler.domain.model import Asked, AskedFor, EndReason, Why
from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.flow.context import Flow
from scheduler.flow.lead_moves import WAITING, LeadMoves, note_moves
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none

REFUSED_BY = {"statutory_window": "outside-statutory-hours", "frequency_cap": "frequency-cap"}
"""What moves an instant that somebody named is told, by the code of its problem; our own hours just do."""

_lines = msgspec.json.Decoder(tuple[Why, ...]).decode


async def ask_of_loop(flow: Flow, loop: Row, asked: Asked, now_ms: Ms, on: Connection) -> LeadMoves:
    """Keep what is said of a loop, a row of `lead_loops` whose lead is locked, and plan it anew if it waits.

    During a call it is kept for what comes after. Raises Refused when the loop would be over by it.
    """
    if loop["status"] == "awaiting_result" and asked.what is not AskedFor.NOTHING:
        await flow.database.execute("loop_wake", loop["loop_id"], to_datetime(now_ms), on=on)
        replanned = [loop["loop_id"]]
    else:
        replanned = [loop["loop_id"]] if loop["status"] in WAITING else []
    at = to_datetime_or_none(asked.at_ms)
    await flow.database.execute("loop_ask", loop["loop_id"], asked.what.value, at, to_datetime(now_ms), on=on)
    moves = await note_moves(flow, [loop], now_ms, on, replanned=replanned)
    if replanned and asked.what is not AskedFor.NOTHING:
        await _refuse_ended(flow, loop["loop_id"], on)
    return moves


async def refuse_moved(flow: Flow, loop_id: int, on: Connection) -> None:
    """Raises Refused with the next instant that is allowed, when law or caps moved what was asked for."""
    [row] = await flow.database.fetch("replan_read", [loop_id], on=on)
    for line in _lines(row["why"]):
        if line.rule in REFUSED_BY and line.effect == "moved":
            allowed = row["next_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
            raise Refused(
                REFUSED_BY[line.rule], "no call may be made then", line.detail, f"the next time is {allowed}"
            )


def refuse_unless(loop: Row | None, states: Collection[str]) -> Row:
    """The loop if it is in one of these states. Raises Refused for any other, and for none."""
    if loop is None:
        raise Refused("state-conflict", "the loop is over", do="begin a new one: POST /v1/loops")
    if loop["status"] == "dialing" and "dialing" not in states:
        raise Refused("lead-busy", "a call to the lead is under way", do="try again when it is over")
    if loop["status"] not in states:
        raise Refused(
            "state-conflict", f"the loop is {loop['status']}", "it has no next attempt", "resume it first"
        )
    return loop


async def _refuse_ended(flow: Flow, loop_id: int, on: Connection) -> None:
    row = await flow.database.fetch_row("loop_end_reason", loop_id, on=on)
    if row is None or row["end_reason"] is None:
        return
    if row["end_reason"] == EndReason.CONSENT_MISSING:
        raise Refused("consent-missing", "the lead's consent has ended by then", do="record it anew")
    raise Refused("no-callable-time", "the lead could not be called any more", row["end_reason"])
