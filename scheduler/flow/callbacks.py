"""Callbacks: a lead is called when it asked to be, and until then its schedule waits.

A lead waits for one callback at a time: the latest word counts. The loop goes on from the call as its
schedule says. A lead that nobody follows up gets a loop that ends with the call.
"""

from __future__ import annotations

import msgspec

from scheduler.clock import Clock
from scheduler.domain.model import Asked, AskedFor, AttemptKind, LaneClass
from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.flow.asked import ask_of_loop, refuse_unless
from scheduler.flow.context import Flow
from scheduler.flow.lanes import LaneKey
from scheduler.flow.lead_change import locked_lead
from scheduler.flow.lead_moves import WAITING, LeadMoves, in_force
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.callbacks import (
    OPEN,
    When,
    callback,
    change_callback,
    close_callbacks,
    create_callback,
    open_callback,
    tell_scheduled,
)
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms, to_ms_or_none
from scheduler.ledger.news import tell

ANY_LIVE = WAITING | {"awaiting_result", "dialing", "paused"}


class Scheduled(msgspec.Struct, frozen=True):
    """The callback's number; `added` is False when the lead waited for that very call already."""

    number: int
    added: bool


async def schedule_callback(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    lead_id: int,
    when: When,
    note: str,
    source: str,
    actor: Actor,
    permit_s: float,
) -> Scheduled:
    """Have a lead called at that time, or as soon after as it may be, in place of what was planned; in force
    when this returns. During a call it is for after it, while a loop is paused for after that.

    Raises NotFound; Refused: `dnc-blocked`, `consent-missing`, `no-callable-time`, or `validation-failed` for
    a lead that nobody follows up and no agent is named for.
    """
    now_ms = clock.now_ms()

    async def work(on: Connection) -> tuple[Scheduled, LeadMoves | None]:
        lead = await locked_lead(flow, account_id, lead_id, on)
        before = await open_callback(flow.database, on, account_id, lead_id)
        if before is not None and to_ms(before["at"]) == when.at_ms and before["said"] == when.said:
            return Scheduled(before["callback_id"], False), None
        loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
        if not loops:
            loops = await _begin(flow, account_id, lead_id, lead.agent_id, lead.place_id, now_ms, on)
        [loop] = loops
        moves = await ask_of_loop(flow, loop, Asked(AskedFor.CALLBACK, when.at_ms), now_ms, on)
        being_made = await _being_made(flow, loop, on)
        await close_callbacks(flow.database, on, [lead_id], "done" if being_made else "canceled", now_ms)
        number = await create_callback(
            flow.database,
            on,
            account_id=account_id,
            lead_id=lead_id,
            loop_id=loop["loop_id"],
            when=when,
            note=note,
            source=source,
            now_ms=now_ms,
        )
        await _audit(flow, on, account_id, actor, "callback_scheduled", number, None, when, now_ms)
        return Scheduled(number, True), moves

    scheduled, moves = await in_transaction(flow.database, work)
    await in_force(flow, clock, moves, permit_s)
    return scheduled


async def move_callback(
    flow: Flow,
    clock: Clock,
    *,
    account_id: int,
    number: int,
    when: When | None,
    note: str | None,
    actor: Actor,
    permit_s: float,
) -> None:
    """Another time, another note; None leaves it. In force when this returns; again changes nothing.

    Raises NotFound; Refused: `state-conflict` for one that was made or canceled, `lead-busy` while it is
    being made, `consent-missing`, `no-callable-time`.
    """
    now_ms = clock.now_ms()
    lead_id = (await callback(flow.database, account_id, number))["lead_id"]

    async def work(on: Connection) -> LeadMoves | None:
        row, alive = await _locked(flow, account_id, lead_id, number, on)
        if row["status"] not in OPEN:
            raise Refused("state-conflict", f"the callback is {row['status']}", do="schedule another one")
        loop = refuse_unless(alive, ANY_LIVE)
        was = _when(row)
        then = was if when is None else when
        noted = row["note"] if note is None else note
        if then == was and noted == row["note"]:
            return None
        await change_callback(flow.database, on, number, then, noted, now_ms)
        await _audit(flow, on, account_id, actor, "callback_changed", number, was, then, now_ms)
        if then.at_ms == was.at_ms:
            return None
        await _refuse_being_made(flow, loop, on)
        moves = await ask_of_loop(flow, loop, Asked(AskedFor.CALLBACK, then.at_ms), now_ms, on)
        await tell_scheduled(flow.database, on, account_id, number, lead_id, now_ms)
        return moves

    await in_force(flow, clock, await in_transaction(flow.database, work), permit_s)


async def cancel_callback(
    flow: Flow, clock: Clock, *, account_id: int, number: int, actor: Actor, permit_s: float
) -> None:
    """The call is not made, and the loop goes on as its schedule says. In force when this returns; again
    changes nothing.

    Raises NotFound; Refused: `state-conflict` for one that was made, `lead-busy` while it is being made.
    """
    now_ms = clock.now_ms()
    lead_id = (await callback(flow.database, account_id, number))["lead_id"]

    async def work(on: Connection) -> LeadMoves | None:
        row, alive = await _locked(flow, account_id, lead_id, number, on)
        if row["status"] == "canceled":
            return None
        if row["status"] == "done":
            raise Refused("state-conflict", "the callback was made", "what was done stays")
        loop = refuse_unless(alive, ANY_LIVE)
        await _refuse_being_made(flow, loop, on)
        moves = await ask_of_loop(flow, loop, Asked(AskedFor.NOTHING), now_ms, on)
        await close_callbacks(flow.database, on, [lead_id], "canceled", now_ms)
        await _audit(flow, on, account_id, actor, "callback_canceled", number, _when(row), None, now_ms)
        return moves

    await in_force(flow, clock, await in_transaction(flow.database, work), permit_s)


async def _locked(
    flow: Flow, account_id: int, lead_id: int, number: int, on: Connection
) -> tuple[Row, Row | None]:
    """The callback and its loop, if that lives, as nobody else changes them."""
    await flow.database.fetch_row("lead_lock", account_id, lead_id, on=on)
    row = await callback(flow.database, account_id, number, on)
    loops = await flow.database.fetch("lead_loops", [lead_id], on=on)
    return row, next((each for each in loops if each["loop_id"] == row["loop_id"]), None)


async def _begin(
    flow: Flow,
    account_id: int,
    lead_id: int,
    agent_id: int | None,
    place_id: int,
    now_ms: Ms,
    on: Connection,
) -> list[Row]:
    """A loop for this one call; as a row of `lead_loops`."""
    if agent_id is None:
        do = "give the lead an agent_id first"
        raise Refused("validation-failed", "no agent calls this lead", do=do, pointer="/lead_id")
    facts = await flow.database.fetch_row(
        "lead_call_facts", account_id, lead_id, agent_id, 0, to_datetime(now_ms), on=on
    )
    if facts is None:
        raise NotFound("no such agent")
    if facts["suppressed"]:
        raise Refused("dnc-blocked", "the lead asked not to be called")
    key = LaneKey(agent_id, LaneClass.CALLBACK, 0, place_id)
    lane = (await flow.lanes.ensure([key], now_ms))[key]
    made = await flow.database.fetch_row(
        "callback_begin",
        account_id,
        lead_id,
        agent_id,
        lane.lane_id,
        facts["policy_version"],
        to_datetime(now_ms),
        on=on,
    )
    assert made is not None  # the lead is locked
    ids = [made["loop_id"]]
    await tell(flow.database, "loop.started", account_id, ids=ids, lead_ids=[lead_id], at_ms=now_ms, on=on)
    return await flow.database.fetch("lead_loops", [lead_id], on=on)


async def _being_made(flow: Flow, loop: Row, on: Connection) -> bool:
    """Whether the call under way is the callback."""
    live = await flow.database.fetch("lead_live", [loop["lead_id"]], on=on)
    return loop["status"] == "dialing" and any(row["kind"] == AttemptKind.CALLBACK for row in live)


async def _refuse_being_made(flow: Flow, loop: Row, on: Connection) -> None:
    if await _being_made(flow, loop, on):
        raise Refused("lead-busy", "the callback is being made", do="try again when the call is over")


async def _audit(
    flow: Flow,
    on: Connection,
    account_id: int,
    actor: Actor,
    action: str,
    number: int,
    before: When | None,
    after: When | None,
    now_ms: Ms,
) -> None:
    """The instants; what was said and noted is the person's own."""
    await write_audit(
        flow.database,
        on,
        account_id=account_id,
        actor=actor,
        action=action,
        object_=f"callback:{number}",
        before=None if before is None else {"at": to_datetime(before.at_ms)},
        after=None if after is None else {"at": to_datetime(after.at_ms)},
        now_ms=now_ms,
    )


def _when(row: Row) -> When:
    return When(
        to_ms(row["at"]),
        to_ms_or_none(row["from_at"]),
        to_ms_or_none(row["until_at"]),
        row["confidence"],
        row["said"],
    )
