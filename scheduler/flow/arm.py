"""The arm: durable permission to dial, given in one transaction by two statements.

The first locks the leads in id order; the second, with a snapshot taken after the locks, checks everything
that can forbid the contact and inserts the attempts with their permit. (In one statement an opt-out that
commits while the locks are waited for would be missed.) Only loops whose agent has a pool of caller ids take
more: their number is chosen, and the second statement is run again for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from scheduler.domain import caller_ids, rules
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError, Quarantined
from scheduler.flow.briefs import Brief, brief_of
from scheduler.flow.caller_ids import Chosen, choose_caller_ids, count_chosen
from scheduler.flow.context import Flow
from scheduler.flow.replan import replan_loops
from scheduler.ledger.contention import once_free
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.epochs import lock_leads_of
from scheduler.ledger.instants import to_date, to_datetime, to_ms
from scheduler.ledger.news import tell_ended
from scheduler.wheel import Claim, Placing

log = structlog.get_logger()

PLANNED_ANEW = frozenset({"outdated", "closed", "lead_busy", "dnc"})
"""Refusals that the planner answers, with a later time, an end, or a permit after all."""

WANTS_CALLER_ID = "caller_id_wanted"
"""The refusal of a loop that nothing forbids, and whose number is still to be chosen."""

SPENT = "caller_ids_spent"
HELD = frozenset({"account_paused", "agent_paused", "batch_paused", "trunk_paused", "early"})

BUSY_PAUSE_MS: Ms = 60 * SECOND
"""How long a loop waits whose lead is in another call."""


class Armed(msgspec.Struct, frozen=True):
    """A permit: this attempt may be sent once, until `not_after_ms` on the Clock. `brief`: of its step, in a
    cadence. `simulated`: its account reaches no real phone."""

    claim: Claim
    attempt_id: int
    loop_id: int
    n: int
    account_id: int
    phone: str
    channel: str
    lane_id: int
    due_at_ms: Ms
    not_after_ms: Ms
    permit: UUID
    caller_id: str | None
    simulated: bool
    brief: Brief | None = None


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
    that is held: it never comes straight back.

    Raises Quarantined, with nothing armed, when the ledger is not what was seen of it.
    """
    by_loop = {claim.loop_id: claim for claim in claims}
    rows, briefs, placings, spent, reasons = await once_free(
        ledger, lambda on: _permit(flow, ledger, by_loop, worker, permit, now_ms, on), seed=permit.int
    )
    armed = [
        _armed(row, by_loop[row["loop_id"]], permit, briefs.get(row["loop_id"]))
        for row in rows
        if row["refusal"] is None
    ]
    if armed:
        flow.standing.armed(armed[-1].attempt_id, armed[-1].loop_id)
    held = [row for row in rows if row["refusal"] in HELD]
    placings += [_same_place(row, by_loop[row["loop_id"]]) for row in held]
    await _hold(flow, [row for row in held if row["refusal"] != "early"], spent, now_ms)
    armed_loops = {permit_given.loop_id for permit_given in armed}
    in_call = {row["loop_id"] for row in rows if row["refusal"] == "in_call"}
    refused = [claim for claim in claims if claim.loop_id not in armed_loops | in_call]
    under_way = [
        claim
        for claim in claims
        if claim.loop_id in in_call or (claim.loop_id in armed_loops and by_loop[claim.loop_id] is not claim)
    ]
    return ArmResult(armed, refused, under_way, placings, reasons)


async def _permit(
    flow: Flow,
    ledger: Database,
    by_loop: Mapping[int, Claim],
    worker: str,
    permit: UUID,
    now_ms: Ms,
    on: Connection,
) -> tuple[list[Row], dict[int, Brief], list[Placing], list[Row], dict[str, int]]:
    """In one transaction, which may have to be done again. Answers the rows of those that were armed or are
    refused, what steps of cadences give to their calls, where the others belong, those whose pool of caller
    ids is spent, and the reasons counted."""
    placings: list[Placing] = []
    spent: list[Row] = []
    await lock_leads_of(ledger, list(by_loop), {claim.shard for claim in by_loop.values()}, on)
    due = {claim.loop_id: claim.due_at_ms for claim in by_loop.values()}
    rows = await _arm_rows(flow, ledger, due, worker, permit, now_ms, on, claims=by_loop)
    reasons = _count(rows)
    anew = [row for row in rows if row["refusal"] in PLANNED_ANEW]
    if anew:
        placings, rows = await _plan_again(flow, ledger, anew, rows, worker, permit, now_ms, on)
    wanting = [row for row in rows if row["refusal"] == WANTS_CALLER_ID]
    if wanting:
        moved, got, spent = await _with_caller_ids(flow, ledger, wanting, worker, permit, now_ms, on)
        placings += moved
        rows = [row for row in rows if row["refusal"] != WANTS_CALLER_ID] + got
        reasons = _count_spent(reasons, spent)
    return rows, await _briefs(flow, rows, on), placings, spent, reasons


async def _briefs(flow: Flow, rows: list[Row], on: Connection) -> dict[int, Brief]:
    """By loop, of the steps that were armed."""
    steps = {
        row["loop_id"]: (row, (row["cadence_id"], row["cadence_version"]))
        for row in rows
        if row["cadence_id"] is not None
    }
    if not steps:
        return {}
    cadences = await flow.policies.cadences({follows for _, follows in steps.values()}, on)
    found = {loop_id: brief_of(cadences[follows], row) for loop_id, (row, follows) in steps.items()}
    return {loop_id: brief for loop_id, brief in found.items() if brief is not None}


async def _arm_rows(
    flow: Flow,
    ledger: Database,
    due: dict[int, Ms],
    worker: str,
    permit: UUID,
    now_ms: Ms,
    on: Connection,
    *,
    chosen: Mapping[int, Chosen] | None = None,
    claims: Mapping[int, Claim] | None = None,
) -> list[Row]:
    """`due`: by loop, where it was claimed; `chosen`: the caller id of each, if they have any; `claims`: once
    for each loop, to ask whether the wheel is still that of its claim."""
    numbers = None if chosen is None else [chosen[loop_id] for loop_id in due]
    rows = await ledger.fetch(
        "arm_attempts",
        list(due),
        [to_datetime(at_ms) for at_ms in due.values()],
        to_datetime(now_ms),
        permit,
        worker,
        timedelta(milliseconds=flow.close_margin_ms),
        rules.load().revision,
        None if numbers is None else [number.phone for number in numbers],
        None if numbers is None else [to_date(number.day) for number in numbers],
        None if claims is None else [claims[loop_id].shard for loop_id in due],
        None if claims is None else [claims[loop_id].epoch or None for loop_id in due],
        flow.standing.seen_beat,
        *flow.standing.marked(),
        on=on,
    )
    if any(row["refusal"] == "quarantined" for row in rows):
        raise Quarantined(
            "the ledger gives no permits",
            "it was put back to an earlier state, and has forgotten calls",
            "run: dialwheel ledger reconcile",
        )
    return rows


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
        await tell_ended(ledger, suppressed, now_ms, on)
    busy = [row["loop_id"] for row in anew if row["refusal"] == "lead_busy"]
    placings = await replan_loops(flow, ledger, busy, now_ms + BUSY_PAUSE_MS, on) if busy else []
    others = [row["loop_id"] for row in anew if row["refusal"] in ("outdated", "closed")]
    planned = await replan_loops(flow, ledger, others, now_ms, on) if others else []
    due_now = {
        item.loop_id: item.due_at_ms
        for item in planned
        if item.due_at_ms <= now_ms and item.loop_id in others  # and not begun by another cadence just now
    }
    placings += [item for item in planned if item.loop_id not in due_now]
    second = await _arm_rows(flow, ledger, due_now, worker, permit, now_ms, on) if due_now else []
    answered = {row["loop_id"] for row in anew}
    still_refused = [row["loop_id"] for row in second if row["refusal"] not in (None, WANTS_CALLER_ID)]
    if still_refused:
        placings += await replan_loops(flow, ledger, still_refused, now_ms + BUSY_PAUSE_MS, on)
    kept = [row for row in rows if row["loop_id"] not in answered]
    return placings, kept + [row for row in second if row["refusal"] in (None, WANTS_CALLER_ID)]


async def _with_caller_ids(
    flow: Flow, ledger: Database, wanting: list[Row], worker: str, permit: UUID, now_ms: Ms, on: Connection
) -> tuple[list[Placing], list[Row], list[Row]]:
    """Arm these under a number each, and count it. Answers where the others belong now, the rows of those
    that were armed, and those for which their pool has nothing left today: they are planned for later."""
    choice = await choose_caller_ids(flow, ledger, [row["loop_id"] for row in wanting], now_ms, on)
    due = {row["loop_id"]: to_ms(row["due_at"]) for row in wanting if row["loop_id"] in choice.chosen}
    rows = await _arm_rows(flow, ledger, due, worker, permit, now_ms, on, chosen=choice.chosen) if due else []
    got = [row for row in rows if row["refusal"] is None]
    if got:
        await count_chosen(ledger, [choice.chosen[row["loop_id"]] for row in got], on)
    placings = []
    settings_changed = [row["loop_id"] for row in rows if row["refusal"] is not None]
    if settings_changed:
        placings += await replan_loops(flow, ledger, settings_changed, now_ms + BUSY_PAUSE_MS, on)
    for until_ms in set(choice.spent.values()):
        loops = [loop_id for loop_id, at_ms in choice.spent.items() if at_ms == until_ms]
        placings += await replan_loops(
            flow, ledger, loops, now_ms, on, not_before_ms=until_ms, held_by=caller_ids.SPENT
        )
    return placings, got, [row for row in wanting if row["loop_id"] in choice.spent]


async def _hold(flow: Flow, paused: list[Row], spent: list[Row], now_ms: Ms) -> None:
    """The wheel handed out what the ledger refuses: shape the gates as they should be."""
    try:
        for account_id in {row["account_id"] for row in paused if row["refusal"] == "account_paused"}:
            await flow.lanes.shape_account(account_id, now_ms)
        for agent_id in {row["agent_id"] for row in paused if row["refusal"] == "agent_paused"}:
            await flow.lanes.shape_agent(agent_id, now_ms)
        for batch_id in {row["batch_id"] for row in paused if row["refusal"] == "batch_paused"}:
            await flow.lanes.shape_batch(batch_id, now_ms)
        routes = [row for row in paused if row["refusal"] == "trunk_paused"] + spent
        if routes:
            await flow.lanes.shape_routes({row["agent_id"] for row in routes}, now_ms)
    except DialwheelError as error:
        log.warning("gates_not_shaped", why=error.what)


def _armed(row: Row, claim: Claim, permit: UUID, brief: Brief | None) -> Armed:
    return Armed(
        claim=claim,
        attempt_id=row["attempt_id"],
        loop_id=row["loop_id"],
        n=row["n"],
        account_id=row["account_id"],
        phone=row["phone"],
        channel=row["channel"],
        lane_id=row["lane_id"],
        due_at_ms=to_ms(row["due_at"]),
        not_after_ms=to_ms(row["not_after"]),
        permit=permit,
        caller_id=row["caller_id"],
        simulated=row["simulated"],
        brief=brief,
    )


def _same_place(row: Row, claim: Claim) -> Placing:
    return Placing(claim.shard, claim.lane_id, row["loop_id"], claim.due_at_ms, 0)


def _count(rows: list[Row]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        if row["refusal"] is not None:
            counts[row["refusal"]] = counts.get(row["refusal"], 0) + 1
    return counts


def _count_spent(reasons: dict[str, int], spent: list[Row]) -> dict[str, int]:
    """A number that was wanted is no refusal; that there was none is."""
    counts = {reason: count for reason, count in reasons.items() if reason != WANTS_CALLER_ID}
    return counts | {SPENT: len(spent)} if spent else counts
