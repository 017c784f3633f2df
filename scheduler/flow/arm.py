"""The arm: durable permission to dial, given in one transaction by two statements.

The first locks the leads in id order; the second, with a snapshot taken after the locks, checks everything
that can forbid the contact and inserts the attempts with their permit. (In one statement an opt-out that
commits while the locks are waited for would be missed.)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from scheduler.domain import rules
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.flow.replan import replan_loops
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.wheel import Claim, Placing

log = structlog.get_logger()

PLANNED_ANEW = frozenset({"outdated", "closed", "lead_busy", "dnc"})
"""Refusals that the planner answers, with a later time, an end, or a permit after all."""

BUSY_PAUSE_MS: Ms = 60 * SECOND
"""How long a loop waits whose lead is in another call."""


class Armed(msgspec.Struct, frozen=True):
    """A permit: this attempt may be sent once, until `not_after_ms` on the Clock."""

    claim: Claim
    attempt_id: int
    loop_id: int
    n: int
    phone: str
    channel: str
    lane_id: int
    due_at_ms: Ms
    not_after_ms: Ms
    permit: UUID


class ArmResult(msgspec.Struct, frozen=True):
    """`armed` may be sent; `refused` are claims to give back, `placings` where their loops belong now.

    `under_way` are claims of loops that are in a call by another permit or claim: a lease had run out, the
    wheel was lost, or the loop waited on two lanes. They are given back as well, but the slots at the gates
    are that call's and stay taken.
    """

    armed: list[Armed]
    refused: list[Claim]
    under_way: list[Claim]
    placings: list[Placing]
    reasons: dict[str, int]


async def arm(
    flow: Flow, ledger: Database, claims: Sequence[Claim], *, worker: str, permit: UUID, now_ms: Ms
) -> ArmResult:
    """Give permits to what may be called now. What is refused gets a later time, an end, or waits on a lane
    that is held: it never comes straight back."""
    by_loop = {claim.loop_id: claim for claim in claims}
    placings: list[Placing] = []
    async with ledger.transaction() as on:
        await ledger.fetch("arm_lock", list(by_loop), on=on)
        due = {claim.loop_id: claim.due_at_ms for claim in claims}
        rows = await _arm_rows(flow, ledger, due, worker, permit, now_ms, on)
        reasons = _count(rows)
        anew = [row for row in rows if row["refusal"] in PLANNED_ANEW]
        if anew:
            placings, rows = await _plan_again(flow, ledger, anew, rows, worker, permit, now_ms, on)
    armed = [_armed(row, by_loop[row["loop_id"]], permit) for row in rows if row["refusal"] is None]
    held = [
        row for row in rows if row["refusal"] in ("account_paused", "agent_paused", "batch_paused", "early")
    ]
    placings += [_same_place(row, by_loop[row["loop_id"]]) for row in held]
    await _hold(flow, [row for row in held if row["refusal"] != "early"], now_ms)
    armed_loops = {permit_given.loop_id for permit_given in armed}
    in_call = {row["loop_id"] for row in rows if row["refusal"] == "in_call"}
    refused = [claim for claim in claims if claim.loop_id not in armed_loops | in_call]
    under_way = [
        claim
        for claim in claims
        if claim.loop_id in in_call or (claim.loop_id in armed_loops and by_loop[claim.loop_id] is not claim)
    ]
    return ArmResult(armed, refused, under_way, placings, reasons)


async def _arm_rows(
    flow: Flow,
    ledger: Database,
    due: dict[int, Ms],
    worker: str,
    permit: UUID,
    now_ms: Ms,
    on: Connection,
) -> list[Row]:
    return await ledger.fetch(
        "arm_attempts",
        list(due),
        [to_datetime(at_ms) for at_ms in due.values()],
        to_datetime(now_ms),
        permit,
        worker,
        timedelta(milliseconds=flow.close_margin_ms),
        rules.load().revision,
        on=on,
    )


async def _plan_again(
    flow: Flow,
    ledger: Database,
    anew: list[Row],
    rows: list[Row],
    worker: str,
    permit: UUID,
    now_ms: Ms,
    on: Connection,
) -> tuple[list[Placing], list[Row]]:
    """Replan what was refused for a reason that planning answers, and arm what is due all the same."""
    suppressed = [row["loop_id"] for row in anew if row["refusal"] == "dnc"]
    if suppressed:
        await ledger.execute("loop_end", suppressed, "dnc", "opted_out", to_datetime(now_ms), on=on)
    busy = [row["loop_id"] for row in anew if row["refusal"] == "lead_busy"]
    placings = await replan_loops(flow, ledger, busy, now_ms + BUSY_PAUSE_MS, on) if busy else []
    others = [row["loop_id"] for row in anew if row["refusal"] in ("outdated", "closed")]
    planned = await replan_loops(flow, ledger, others, now_ms, on) if others else []
    due_now = {item.loop_id: item.due_at_ms for item in planned if item.due_at_ms <= now_ms}
    placings += [item for item in planned if item.due_at_ms > now_ms]
    second = await _arm_rows(flow, ledger, due_now, worker, permit, now_ms, on) if due_now else []
    answered = {row["loop_id"] for row in anew}
    still_refused = [row["loop_id"] for row in second if row["refusal"] is not None]
    if still_refused:
        placings += await replan_loops(flow, ledger, still_refused, now_ms + BUSY_PAUSE_MS, on)
    kept = [row for row in rows if row["loop_id"] not in answered]
    return placings, kept + [row for row in second if row["refusal"] is None]


async def _hold(flow: Flow, paused: list[Row], now_ms: Ms) -> None:
    """The wheel handed out what is paused in the ledger: shape the gates as they should be."""
    try:
        for account_id in {row["account_id"] for row in paused if row["refusal"] == "account_paused"}:
            await flow.lanes.shape_account(account_id, now_ms)
        for agent_id in {row["agent_id"] for row in paused if row["refusal"] == "agent_paused"}:
            await flow.lanes.shape_agent(agent_id, now_ms)
        for batch_id in {row["batch_id"] for row in paused if row["refusal"] == "batch_paused"}:
            await flow.lanes.shape_batch(batch_id, now_ms)
    except DialwheelError as error:
        log.warning("pause_not_shaped", why=error.what)


def _armed(row: Row, claim: Claim, permit: UUID) -> Armed:
    return Armed(
        claim=claim,
        attempt_id=row["attempt_id"],
        loop_id=row["loop_id"],
        n=row["n"],
        phone=row["phone"],
        channel=row["channel"],
        lane_id=row["lane_id"],
        due_at_ms=to_ms(row["due_at"]),
        not_after_ms=to_ms(row["not_after"]),
        permit=permit,
    )


def _same_place(row: Row, claim: Claim) -> Placing:
    return Placing(claim.shard, claim.lane_id, row["loop_id"], claim.due_at_ms, 0)


def _count(rows: list[Row]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        if row["refusal"] is not None:
            counts[row["refusal"]] = counts.get(row["refusal"], 0) + 1
    return counts
