"""The next attempt of a loop, skipped or set for another time by a person of ours; in force when answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from scheduler.clock import Clock
from scheduler.domain.model import Asked, AskedFor, AttemptKind, Outcome, Result
from scheduler.domain.planner import fold
from scheduler.domain.time import Ms
from scheduler.errors import NotFound
from scheduler.flow.asked import ask_of_loop, refuse_moved, refuse_unless
from scheduler.flow.context import Flow
from scheduler.flow.facts import encode_trail, loop_facts
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import WAITING, LeadMoves, in_force, note_moves
from scheduler.ledger import reads
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.callbacks import When, change_callback, close_callbacks, open_callback, tell_scheduled
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms


async def skip_next(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    loop_id: int,
    reason: str | None,
    actor: Actor,
    permit_s: float,
) -> None:
    """The next attempt is not made, and the loop goes on as if it had been: it keeps its number and its time
    in the schedule. A callback that is skipped is canceled. Each request skips one.

    Raises NotFound; Refused: `lead-busy` during a call, `state-conflict` for a loop that has no next attempt.
    """
    now_ms = clock.now_ms()

    async def work(on: Connection, loop: Row) -> LeadMoves:
        refuse_unless(loop, WAITING)
        [row] = await flow.database.fetch("replan_read", [loop_id], on=on)
        due_ms = to_ms(row["next_at"])
        skipped = Result(
            Outcome.CANCELED,
            due_ms,
            AttemptKind(row["next_kind"]),
            step=None if row["cadence_id"] is None else row["next_step"],
            run=row["run"],
        )
        after = fold(loop_facts(row), skipped, due_ms)
        made = await flow.database.fetch_row(
            "loop_skip", loop_id, after.step, encode_trail(after.trail), to_datetime(now_ms), on=on
        )
        assert made is not None  # its lead is locked, and it was waiting
        if skipped.kind is AttemptKind.CALLBACK:
            await close_callbacks(flow.database, on, [row["lead_id"]], "canceled", now_ms)
        await _audit(flow, on, account_id, actor, "attempt_skipped", loop_id, row, {"reason": reason}, now_ms)
        return await note_moves(flow, [loop], now_ms, on, replanned=[loop_id])

    await _change(flow, clock, account_id, loop_id, work, permit_s)


async def reschedule_next(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    loop_id: int,
    at_ms: Ms,
    reason: str | None,
    actor: Actor,
    permit_s: float,
) -> None:
    """The next attempt is made at `at_ms`, or as soon after as our own hours have it; a callback moves with
    it. Changes of settings do not undo that. Again changes nothing.

    Raises NotFound; Refused: `outside-statutory-hours` and `frequency-cap` where law or caps forbid a call
    then, with the next instant that they allow; `lead-busy` during a call, `state-conflict` for a loop that
    has no next attempt, `consent-missing`, `no-callable-time`.
    """
    now_ms = clock.now_ms()

    async def work(on: Connection, loop: Row) -> LeadMoves:
        refuse_unless(loop, WAITING | {"awaiting_result"})
        rows = await flow.database.fetch("replan_read", [loop_id], on=on)
        calls_back = bool(rows) and rows[0]["next_kind"] == AttemptKind.CALLBACK
        asked = Asked(AskedFor.CALLBACK if calls_back else AskedFor.TIME, at_ms)
        moves = await ask_of_loop(flow, loop, asked, now_ms, on)
        await refuse_moved(flow, loop_id, on)
        waits = await open_callback(flow.database, on, account_id, loop["lead_id"]) if calls_back else None
        if waits is not None:
            number, when = waits["callback_id"], When(at_ms)
            await change_callback(flow.database, on, number, when, waits["note"], now_ms)
            await tell_scheduled(flow.database, on, account_id, number, loop["lead_id"], now_ms)
        await _audit(
            flow,
            on,
            account_id,
            actor,
            "attempt_rescheduled",
            loop_id,
            loop,
            {"at": to_datetime(at_ms), "reason": reason},
            now_ms,
        )
        return moves

    await _change(flow, clock, account_id, loop_id, work, permit_s)


async def _change(
    flow: Flow,
    clock: Clock,
    account_id: int,
    loop_id: int,
    work: Callable[[Connection, Row], Awaitable[LeadMoves]],
    permit_s: float,
) -> None:
    """With the loop's lead locked, do the work; return when it is in force."""
    found = await reads.loops(flow.database, account_id, [loop_id])
    if not found:
        raise NotFound("no such loop")
    lead_id = found[0]["lead_id"]

    async def locked(on: Connection) -> LeadMoves:
        await locked_lead(flow, account_id, lead_id, on)
        loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
        loop = next((row for row in loops if row["loop_id"] == loop_id), None)
        return await work(on, refuse_unless(loop, _ANY))

    await in_force(flow, clock, await in_transaction(flow.database, locked), permit_s)


_ANY = frozenset({"scheduled", "waiting_callback", "awaiting_result", "dialing", "paused"})


async def _audit(
    flow: Flow,
    on: Connection,
    account_id: int,
    actor: Actor,
    action: str,
    loop_id: int,
    before: Row,
    after: dict[str, object],
    now_ms: Ms,
) -> None:
    await write_audit(
        flow.database,
        on,
        account_id=account_id,
        actor=actor,
        action=action,
        object_=f"loop:{loop_id}",
        before={"at": before["next_at"]},
        after=after,
        now_ms=now_ms,
    )
