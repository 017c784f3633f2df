"""Enrolment: leads into the ledger, each with the one loop that follows it up, and what is due soon placed.

One live lead or thousands of a file take the same way: draft (plan), write in one transaction, place. Doing
it again adds nothing: a lead is its external id, else its phone, and the ledger holds each phone once.
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts, draft_entries
from scheduler.flow.enrol_known import meet_known
from scheduler.flow.enrolment import (
    DUPLICATE,
    Enrolled,
    Prepared,
    lacks_consent,
    lead_status,
    start_loops,
)
from scheduler.flow.entries import Entry
from scheduler.flow.keys import lead_key
from scheduler.flow.lanes import LaneKey, LaneRef
from scheduler.flow.news import of_enrolled
from scheduler.flow.put_back import count_contacts, owed_to
from scheduler.flow.respread import respread
from scheduler.flow.terms import OnDuplicate, Target, in_batch, terms_of
from scheduler.flow.throttle import Pace, pace_of
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.news import tell_all
from scheduler.wheel import Placing

__all__ = ["Enrolled", "OnDuplicate", "Prepared", "Target", "enrol", "place", "prepare", "write"]


async def enrol(
    flow: Flow,
    *,
    account_id: int,
    agent_id: int | None,
    entries: Sequence[Entry],
    now_ms: Ms,
    batch_id: int | None = None,
    on_duplicate: OnDuplicate = "update",
    cadence_id: int | None = None,
) -> list[Enrolled]:
    """Enrol leads, in one transaction; answers one result for each, in order. They follow `cadence_id`, else
    their batch's cadence, else their agent's settings.

    Raises NotFound for an agent that is not this account's; Refused (`cadence-not-active`);
    ServerUnavailable.
    """
    target = await in_batch(flow, Target(account_id, agent_id, batch_id or 0, on_duplicate, cadence_id))
    policy = (await terms_of(flow, target)).policy
    pace = await pace_of(flow, batch_id) if batch_id else None
    first = _first_of_each(entries)
    fresh = [entry for entry, is_first in zip(entries, first, strict=True) if is_first]
    spread = None if pace is None else pace.spread
    drafts = draft_entries(fresh, policy, flow.phone_key, now_ms, spread)
    prepared = await prepare(flow, target, drafts, pace)

    results, placings = await in_transaction(flow.database, lambda on: write(flow, target, prepared, on))
    await place(flow, target, prepared, placings)
    written = iter(results)
    return [next(written) if is_first else DUPLICATE for is_first in first]


async def prepare(flow: Flow, target: Target, drafts: Drafts, pace: Pace | None = None) -> Prepared:
    """Make the places and lanes that the drafts need, and room on the wheel; runs before the transaction."""
    places = await flow.places.ids_of(drafts.places)
    ids = [places[place] for place in drafts.places]
    place_ids = [ids[at] for at in drafts.leads.places]
    lanes: list[LaneRef] = []
    if drafts.loops is not None and target.agent_id is not None:
        wanted = list(zip(drafts.loops.lane_classes, place_ids, strict=True))
        keys = {pair: LaneKey(target.agent_id, pair[0], target.batch_id, pair[1]) for pair in set(wanted)}
        refs = await flow.lanes.ensure(keys.values(), drafts.now_ms)
        by_pair = {pair: refs[key] for pair, key in keys.items()}
        lanes = [by_pair[pair] for pair in wanted]
    room = None
    if pace is not None and pace.max_per_min is not None:
        room = await flow.stock.take(pace.batch_id, pace.max_per_min, len(drafts), drafts.now_ms)
    return Prepared(drafts, place_ids, lanes, pace, room)


async def write(
    flow: Flow, target: Target, prepared: Prepared, on: Connection
) -> tuple[list[Enrolled], list[Placing]]:
    """Write drafts inside the caller's transaction; no two of them mean the same lead. Answers a result for
    each and what belongs on the wheel, which the caller hands to `place` after its commit.

    Raises Refused when the batch was canceled meanwhile.
    """
    drafts = prepared.drafts
    if not len(drafts):
        return [], []
    if target.batch_id:
        prepared.outdated = await pace_of(flow, target.batch_id, on) != prepared.pace
    calls = await owed_to(flow, target.account_id, drafts.leads.phones, drafts.now_ms, on)
    made = await _make_leads(flow, target, prepared, on)
    await count_contacts(flow, target.account_id, calls, on)
    created = [phone in made for phone in drafts.leads.phones]
    results: list[Enrolled] = []
    placings: list[Placing] = []
    loop_ids: dict[int, int] = {}
    next_ats: Sequence[Ms | None] = [None] * len(drafts)
    if drafts.loops is not None:
        next_ats = drafts.loops.next_ats_ms
        new = drafts.only(created)
        if new.loops is not None and len(new):
            lanes = [lane for lane, is_new in zip(prepared.lanes, created, strict=True) if is_new]
            lead_ids = [made[phone] for phone in new.leads.phones]
            loop_ids, placings = await start_loops(
                flow, target, new, new.loops, lead_ids, [1] * len(new), lanes, prepared.room, on
            )
    over = drafts.loops.end_reasons if drafts.loops is not None else [None] * len(drafts)
    ended = [
        made[phone]
        for phone, reason in zip(drafts.leads.phones, over, strict=True)
        if reason is not None and phone in made
    ]
    told = of_enrolled(
        target.account_id, target.batch_id, created=list(made.values()), started=loop_ids, over=ended
    )
    await tell_all(flow.database, told, drafts.now_ms, on)
    known: dict[int, Enrolled] = {}
    if not all(created):
        rest = [at for at, is_new in enumerate(created) if not is_new]
        left = None if prepared.room is None else max(0, prepared.room - len(placings))
        known, more = await meet_known(flow, target, prepared, rest, left, on)
        placings += more
    for at, phone in enumerate(drafts.leads.phones):
        lead_id = made.get(phone)
        if lead_id is None:
            results.append(known[at])
        else:
            loop_id = loop_ids[lead_id] if next_ats[at] is not None else None
            results.append(Enrolled("created", lead_id, loop_id, next_ats[at]))
    return results, placings


async def place(flow: Flow, target: Target, prepared: Prepared, placings: Sequence[Placing]) -> None:
    """Put what `write` answered on the wheel, after its commit. Where the batch's pace was changed while the
    drafts were on their way, they follow it now."""
    now_ms = prepared.drafts.now_ms
    await flow.place(placings, now_ms)
    if prepared.outdated and target.agent_id is not None:
        await respread(flow, await pace_of(flow, target.batch_id), target.agent_id, now_ms)


async def _make_leads(flow: Flow, target: Target, prepared: Prepared, on: Connection) -> dict[str, int]:
    """Insert what is new and may be called; answers lead ids by phone."""
    drafts, place_ids = prepared.drafts, prepared.place_ids
    lacking = lacks_consent(drafts)
    if any(lacking):
        drafts = drafts.only(not lacks for lacks in lacking)
        place_ids = [place_id for place_id, lacks in zip(place_ids, lacking, strict=True) if not lacks]
    leads = drafts.leads
    if drafts.loops is None:
        statuses = ["new"] * len(drafts)
    else:
        statuses = [lead_status(reason) for reason in drafts.loops.end_reasons]
    rows = await flow.database.fetch(
        "enrol_leads",
        target.account_id,
        target.agent_id,
        target.batch_id or None,
        to_datetime(drafts.now_ms),
        leads.phones,
        leads.external_ids,
        leads.names,
        leads.emails,
        leads.timezones,
        leads.regions,
        place_ids,
        leads.priorities,
        leads.appointment_ats_ms,
        leads.consents,
        leads.tags,
        leads.variables,
        statuses,
        [lead_key(flow.phone_key, None, phone) for phone in leads.phones],
        on=on,
    )
    return {row["phone"]: row["lead_id"] for row in rows}


def _first_of_each(entries: Sequence[Entry]) -> list[bool]:
    """For each entry whether it is the first of its phone and of its external id."""
    seen: set[str] = set()
    first = []
    for entry in entries:
        marks = {entry.phone} if entry.external_id is None else {entry.phone, "#" + entry.external_id}
        first.append(seen.isdisjoint(marks))
        if first[-1]:
            seen |= marks
    return first
