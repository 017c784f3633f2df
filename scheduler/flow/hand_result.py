"""What a person of ours, or an agent, says of a contact: its result, by hand.

A call under way ends with it, as with a report of the provider. Of one that is over it adds what the
conversation meant, and the loop is planned anew by that. What the network reported is never contradicted.
"""

from __future__ import annotations

import structlog

from scheduler.clock import Clock
from scheduler.domain.model import Disposition, Outcome
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError, NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import WAITING, LeadMoves, follow, note_moves, until_in_force
from scheduler.flow.opt_out import HangUp, opt_out
from scheduler.flow.settle import LIVE_STATES, STOPPED, Report, settle
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.callbacks import AskedInCall, keep_asked
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none
from scheduler.ledger.news import tell
from scheduler.ledger.tenancy import serving

log = structlog.get_logger()

PROVIDER = "hand"
"""Who reported, where nobody else has: kept with the attempt only if it had no provider."""


async def note_result(
    flow: Flow,
    clock: Clock,
    hang_up: HangUp,
    *,
    account_id: int,
    attempt_id: int,
    outcome: str | None,
    disposition: str | None,
    callback_at_ms: Ms | None,
    talk_s: int | None,
    actor: Actor,
    permit_s: float,
) -> None:
    """In force when this returns; again changes nothing. Who said "stop" is not called any more.

    Raises NotFound; Refused (`state-conflict`) for an attempt that was never made, or an `outcome` that is
    not the one that the network reported.
    """
    row = await flow.database.fetch_row("attempt_whose", account_id, attempt_id)
    if row is None:
        raise NotFound("no such attempt")
    if row["state"] in ("canceled", "skipped"):
        raise Refused("state-conflict", f"the attempt was {row['state']}", "nobody was reached by it")
    if row["state"] in LIVE_STATES:
        await _end(flow, clock, row, outcome, disposition, callback_at_ms, talk_s)
    moves = await _amend(flow, clock, account_id, row, outcome, disposition, callback_at_ms, talk_s, actor)
    if disposition in STOPPED and row["phone"] is not None:
        await opt_out(
            flow,
            clock,
            hang_up,
            account_id=account_id,
            phone=row["phone"],
            reason="asked in a call",
            source="call",
            actor=actor,
            permit_s=permit_s,
        )
    elif moves is not None:
        since_s = clock.monotonic_s()
        await follow(flow, moves, clock.now_ms())
        await until_in_force(flow, clock, moves.armed, since_s=since_s, permit_s=permit_s)


async def _end(
    flow: Flow,
    clock: Clock,
    row: Row,
    outcome: str | None,
    disposition: str | None,
    callback_at_ms: Ms | None,
    talk_s: int | None,
) -> None:
    """Settle a call under way as if its provider had told of the end; that one's word adds nothing later."""
    now_ms = clock.now_ms()
    report = Report(
        row["attempt_id"],
        state="in_call",
        outcome=outcome or Outcome.COMPLETED.value,
        ended_at_ms=now_ms,
        disposition=disposition,
        callback_at_ms=callback_at_ms,
        talk_s=talk_s,
    )
    with serving(None):  # its statements look at permits and lanes, which belong to no account
        settled = await settle(flow, flow.database, [report], (), provider=PROVIDER, now_ms=now_ms)
    placings = [p for p in settled.placings if flow.within_horizon(p.due_at_ms, now_ms)]
    try:
        await flow.wheel.settle(ends=settled.ends, placings=placings, now_ms=now_ms, wall_ms=clock.wall_ms())
    except DialwheelError as error:
        log.warning("wheel_not_settled", loops=len(placings), why=error.what)


async def _amend(
    flow: Flow,
    clock: Clock,
    account_id: int,
    attempt: Row,
    outcome: str | None,
    disposition: str | None,
    callback_at_ms: Ms | None,
    talk_s: int | None,
    actor: Actor,
) -> LeadMoves | None:
    """Add to what is known, and plan the loop anew where that may change what comes next."""
    now_ms = clock.now_ms()
    callback_at = to_datetime_or_none(callback_at_ms)

    async def work(on: Connection) -> LeadMoves | None:
        await locked_lead(flow, account_id, attempt["lead_id"], on)
        values = (attempt["attempt_id"], outcome, disposition, callback_at, talk_s, to_datetime(now_ms))
        was = await flow.database.fetch_row("attempt_result", *values, on=on)
        if was is None:
            raise Refused("state-conflict", "the attempt is not over", do="try again")
        if outcome is not None and was["outcome"] not in (outcome, Outcome.UNKNOWN.value):
            raise Refused(
                "state-conflict",
                f"the attempt ended as {was['outcome']}",
                "what the network reported stays",
                "leave outcome out, or send the one that it has",
            )
        said = (
            disposition not in (None, was["disposition"])
            or callback_at not in (None, was["callback_at"])
            or (outcome is not None and was["outcome"] != outcome)
        )
        if not said and attempt["state"] == "done" and talk_s in (None, was["talk_s"]):
            return None
        await write_audit(
            flow.database,
            on,
            account_id=account_id,
            actor=actor,
            action="result_noted",
            object_=f"attempt:{attempt['attempt_id']}",
            before={"outcome": was["outcome"], "disposition": was["disposition"]},
            after={"outcome": outcome or was["outcome"], "disposition": disposition or was["disposition"]},
            now_ms=now_ms,
        )
        if not said:
            return None
        lead_ids, ids = [attempt["lead_id"]], [attempt["attempt_id"]]
        await tell(
            flow.database, "attempt.ended", account_id, ids=ids, lead_ids=lead_ids, at_ms=now_ms, on=on
        )
        if not was["latest"] or was["loop_status"] == "ended" or disposition in STOPPED:
            return None
        await flow.database.execute("loop_wake", was["loop_id"], to_datetime(now_ms), on=on)
        if callback_at_ms is not None and (disposition or was["disposition"]) == Disposition.CALLBACK:
            asked = AskedInCall(
                account_id, attempt["lead_id"], was["loop_id"], attempt["attempt_id"], callback_at_ms
            )
            await keep_asked(flow.database, on, [asked], PROVIDER, now_ms)
            await flow.database.execute("loop_ask", was["loop_id"], None, None, to_datetime(now_ms), on=on)
        loops = await flow.database.fetch("lead_loops", lead_ids, on=on)
        replanned = [loop["loop_id"] for loop in loops if loop["status"] in WAITING]
        return await note_moves(flow, loops, now_ms, on, replanned=replanned)

    return await in_transaction(flow.database, work)
