"""One action on many leads, a group at a time: each group is a transaction, and the wheel follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts, LeadColumns
from scheduler.flow.enrol_known import Change, as_it_is, start_known
from scheduler.flow.enrolment import Prepared
from scheduler.flow.entries import MAX_TAGS
from scheduler.flow.keys import lead_key
from scheduler.flow.lead_moves import WAITING, LeadMoves, note_moves
from scheduler.flow.news import of_loops
from scheduler.flow.terms import Target, in_batch, terms_of
from scheduler.flow.throttle import pace_of
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.news import News, tell_all, tell_ended

ActionName: TypeAlias = Literal["enrol", "pause", "resume", "remove", "tag", "priority"]


class Action(msgspec.Struct, frozen=True):
    """What is done to each lead. `enrol`: followed up by `agent_id` if nobody does; `pause`: its loop stops
    until `resume`, unless it is in a call; `remove`: its loop ends; `tag`: tags come and go; `priority`."""

    name: ActionName
    agent_id: int | None = None
    batch_id: int = 0
    cadence_id: int | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    priority: str = "bulk"


async def check_action(flow: Flow, account_id: int, action: Action, *, rehearsed: bool = False) -> None:
    """Raises NotFound, Refused for what could do nothing: an agent, a batch, a cadence that takes in none.

    `rehearsed`: nothing follows; a cadence is not used by it.
    """
    if action.name != "enrol":
        return
    target = await in_batch(flow, _target(account_id, action))
    if (await terms_of(flow, target, use=not rehearsed)).policy is None:
        raise Refused("state-conflict", "the agent calls nobody by itself", "", "enable its auto_dialer")
    if target.batch_id:
        await pace_of(flow, target.batch_id)


async def act(
    flow: Flow, account_id: int, action: Action, lead_ids: Sequence[int], now_ms: Ms, on: Connection
) -> tuple[int, LeadMoves]:
    """Act on these leads inside the caller's transaction; answers how many were changed, and what is left to
    be done after its commit. Leads that are not the account's are left alone."""
    locked = await flow.database.fetch("lead_lock_many", account_id, list(lead_ids), on=on)
    ids = [row["lead_id"] for row in locked]
    loops = await flow.database.fetch("lead_loops", ids, on=on)
    now = to_datetime(now_ms)
    if action.name == "enrol":
        return await _enrol(flow, account_id, action, ids, loops, now_ms, on)
    if action.name == "pause":
        changed = await flow.database.fetch("lead_pause_loops", ids, now, on=on)
        await tell_all(flow.database, of_loops("loop.paused", account_id, _of(loops, changed)), now_ms, on)
        return len(changed), await note_moves(flow, _of(loops, changed), now_ms, on)
    if action.name == "resume":
        changed = await flow.database.fetch("lead_resume_loops", ids, now, on=on)
        replanned = [row["loop_id"] for row in changed]
        await tell_all(flow.database, of_loops("loop.resumed", account_id, _of(loops, changed)), now_ms, on)
        return len(changed), await note_moves(flow, _of(loops, changed), now_ms, on, replanned=replanned)
    if action.name == "remove":
        changed = await flow.database.fetch("lead_end_loops", ids, "removed", "closed", now, on=on)
        await tell_ended(flow.database, [row["loop_id"] for row in loops], now_ms, on)
        return len(changed), await note_moves(flow, _of(loops, changed), now_ms, on)
    if action.name == "tag":
        tags = (list(action.add), list(action.remove))
        changed = await flow.database.fetch("lead_tag", ids, *tags, MAX_TAGS, now, on=on)
    else:
        changed = await flow.database.fetch("lead_prioritize", ids, action.priority, now, on=on)
    told = News("lead.updated", account_id, [row["lead_id"] for row in changed])
    await tell_all(flow.database, [told], now_ms, on)
    of_changed = _of(loops, changed)
    replanned = [row["loop_id"] for row in of_changed if row["status"] in WAITING]
    return len(changed), await note_moves(flow, of_changed, now_ms, on, replanned=replanned)


async def _enrol(
    flow: Flow,
    account_id: int,
    action: Action,
    lead_ids: Sequence[int],
    loops: Sequence[Row],
    now_ms: Ms,
    on: Connection,
) -> tuple[int, LeadMoves]:
    """Start loops of those that have none and may be called."""
    target = await in_batch(flow, _target(account_id, action))
    pace = await pace_of(flow, target.batch_id, on) if target.batch_id else None
    followed = {row["lead_id"] for row in loops}
    free = [lead_id for lead_id in lead_ids if lead_id not in followed]
    rows = await flow.database.fetch("enrol_read", free, on=on)
    phones = [row["phone"] for row in rows]
    marks = [lead_key(flow.phone_key, None, phone) for phone in phones]
    forbidden = await flow.database.fetch("enrol_suppressed", account_id, phones, marks, on=on)
    suppressed = {row["phone"] for row in forbidden}
    policy = (await terms_of(flow, target, on)).policy
    needs_consent = policy is not None and policy.consent_required
    starting: list[tuple[int, Row, Change]] = [
        (at, row, as_it_is(row))
        for at, row in enumerate(rows)
        if row["phone"] not in suppressed
        and row["status"] != "opted_out"
        and not (needs_consent and row["consent"] is None)
    ]
    if not starting:
        return 0, LeadMoves([], [], [])
    nobody = Drafts(now_ms, None, [], LeadColumns(*([] for _ in LeadColumns.__struct_fields__)), None)
    room = None
    if pace is not None and pace.max_per_min is not None:
        room = await flow.stock.take(pace.batch_id, pace.max_per_min, len(starting), now_ms)
    _, placings = await start_known(flow, target, Prepared(nobody, [], [], pace), starting, room, on)
    columns = zip(*(msgspec.structs.astuple(change) for _, _, change in starting), strict=True)
    await flow.database.execute("enrol_update", *map(list, columns), to_datetime(now_ms), on=on)
    return len(starting), LeadMoves([], list(placings), [])


def _target(account_id: int, action: Action) -> Target:
    return Target(account_id, action.agent_id, action.batch_id, cadence_id=action.cadence_id)


def _of(loops: Sequence[Row], changed: Sequence[Row]) -> list[Row]:
    """Those loops whose leads were changed."""
    lead_ids = {row["lead_id"] for row in changed}
    return [row for row in loops if row["lead_id"] in lead_ids]
