"""Rows that mean a lead the ledger knows already: found, compared, and what they state anew is written.

What a row leaves empty stays as it is; variables are merged; a priority is only ever raised. A loop is
started only for a lead that never had one: one that is over is not started again by a file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from scheduler.domain.consent import expires_ms
from scheduler.domain.model import Lead, Place, Priority
from scheduler.domain.numbers import place_of
from scheduler.domain.places import combine
from scheduler.domain.spread import Spread
from scheduler.domain.time import Ms
from scheduler.domain.variables import read_variables
from scheduler.errors import ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts, LeadColumns, LoopColumns, Starts, append_plan, followed
from scheduler.flow.enrolment import (
    DUPLICATE,
    SUPPRESSED,
    WITHOUT_CONSENT,
    Enrolled,
    Prepared,
    lacks_consent,
    lead_status,
    start_loops,
)
from scheduler.flow.entries import MAX_VARIABLES
from scheduler.flow.keys import lead_key
from scheduler.flow.lanes import LaneKey
from scheduler.flow.news import of_changed, of_enrolled
from scheduler.flow.replan import replan_loops
from scheduler.flow.terms import Target, terms_of
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms_or_none, to_ms_tuple
from scheduler.ledger.news import tell_all
from scheduler.wheel import Placing

PLANNED_BY = ("place_id", "priority", "consent", "appointment_at_ms", "tags", "variables")
"""What the planner looks at: a change raises the lead's version, so that the arm plans its loop again."""

TAKEN = Enrolled(
    "rejected", code="already-active", detail="the number belongs to a lead with another external id"
)
TOO_MUCH = Enrolled(
    "rejected",
    code="cell-too-large",
    detail=f"with what is known the lead's variables exceed {MAX_VARIABLES} bytes",
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Change(msgspec.Struct):
    """A known lead as it is to be; the order of the fields is that of `enrol_update`."""

    lead_id: int
    phone: str
    external_id: str | None
    name: str
    email: str
    timezone: str | None
    region: str | None
    place_id: int
    priority: str
    appointment_at_ms: Ms | None
    consent: str | None
    tags: str
    variables: str
    status: str
    agent_id: int | None
    batch_id: int | None
    version: int


class Met(msgspec.Struct):
    """What rows do to known leads: the `results` known so far, by row; `unenrolled` (row, lead, as it is to
    be) start their first loop; `reminded`: loops, and their rows, whose appointments were moved."""

    results: dict[int, Enrolled]
    changes: list[Change]
    unenrolled: list[tuple[int, Row, Change]]
    reminded: dict[int, int]


async def meet_known(
    flow: Flow, target: Target, prepared: Prepared, rows: Sequence[int], room: int | None, on: Connection
) -> tuple[dict[int, Enrolled], list[Placing]]:
    """Results for those rows of the drafts that made no lead, by row, and what belongs on the wheel, of a
    paced batch `room` loops at most.

    Locks the leads they mean, in id order.
    """
    leads = prepared.drafts.leads
    phones = [leads.phones[at] for at in rows]
    external_ids = [external_id for at in rows if (external_id := leads.external_ids[at]) is not None]
    marks = [lead_key(flow.phone_key, None, phone) for phone in phones]
    forbidden = await flow.database.fetch("enrol_suppressed", target.account_id, phones, marks, on=on)
    suppressed = {row["phone"] for row in forbidden}
    locked = await flow.database.fetch("enrol_lock", target.account_id, phones, external_ids, on=on)
    found = await flow.database.fetch("enrol_read", [row["lead_id"] for row in locked], on=on)
    met = await compare(target, prepared.drafts, rows, suppressed, found, flow.places.id_of)
    results, changes, reminded = met.results, met.changes, met.reminded
    placings: list[Placing] = []
    if met.unenrolled:
        started, placings = await start_known(flow, target, prepared, met.unenrolled, room, on)
        results |= started
        changes += [change for _, _, change in met.unenrolled]
    if changes:
        columns = zip(*(msgspec.structs.astuple(change) for change in changes), strict=True)
        now = to_datetime(prepared.drafts.now_ms)
        await flow.database.execute("enrol_update", *map(list, columns), now, on=on)
        await tell_all(flow.database, of_changed(target.account_id, changes), prepared.drafts.now_ms, on)
    if reminded:
        placings += await _remind_anew(flow, reminded, results, prepared.drafts.now_ms, on)
    return results, placings


async def compare(
    target: Target,
    drafts: Drafts,
    rows: Sequence[int],
    suppressed: Collection[str],
    found: Sequence[Row],
    place_id: Callable[[Place], Awaitable[int]],
) -> Met:
    """What those rows of the drafts would do, given the leads `found` that they may mean. Writes nothing."""
    leads = drafts.leads
    by_phone = {row["phone"]: row for row in found}
    by_external_id = {row["external_id"]: row for row in found if row["external_id"] is not None}

    lacking = lacks_consent(drafts)
    done = Met({}, [], [], {})
    results = done.results
    met: set[int] = set()
    for at in rows:
        if leads.phones[at] in suppressed:
            results[at] = SUPPRESSED
            continue
        if lacking[at] and not _known(by_phone, by_external_id, leads, at):
            results[at] = WITHOUT_CONSENT
            continue
        row = _meant(by_phone, by_external_id, leads, at)
        if row is None:
            results[at] = TAKEN
            continue
        if row["lead_id"] in met:  # an earlier row named it by its number, this one by its external id
            results[at] = msgspec.structs.replace(DUPLICATE, lead_id=row["lead_id"])
            continue
        met.add(row["lead_id"])
        if row["status"] == "opted_out":  # under another phone
            results[at] = SUPPRESSED
        elif target.on_duplicate == "reject":
            detail = "it is a lead already" if row["loop_id"] is None else "it is followed up already"
            results[at] = _result("rejected", row, "already-active", detail)
        elif target.on_duplicate == "skip":
            results[at] = _result("unchanged", row)
        else:
            before = as_it_is(row)
            after = await _as_it_becomes(place_id, leads, at, row)
            starts = drafts.loops is not None and not row["enrolled"]
            if len(after.variables.encode()) > MAX_VARIABLES:
                results[at] = TOO_MUCH
            elif starts and lacking[at] and after.consent is None:
                results[at] = WITHOUT_CONSENT
            elif starts:
                done.unenrolled.append((at, row, after))
            elif after == before:
                results[at] = _result("unchanged", row)
            else:
                done.changes.append(after)
                results[at] = _result("updated", row)
                if after.appointment_at_ms != before.appointment_at_ms and row["cadence_id"] is not None:
                    done.reminded[row["loop_id"]] = at
    return done


async def _remind_anew(
    flow: Flow, loops: dict[int, int], results: dict[int, Enrolled], now_ms: Ms, on: Connection
) -> list[Placing]:
    """Their appointments were moved: what is timed by them is planned at once, since it may come earlier.
    `loops`: the row of each."""
    planned = await replan_loops(flow, flow.database, list(loops), now_ms, on)
    for item in planned:
        if item.loop_id in loops:
            at = loops[item.loop_id]
            results[at] = msgspec.structs.replace(results[at], next_at_ms=item.due_at_ms)
    return [item for item in planned if flow.within_horizon(item.due_at_ms, now_ms)]


def _known(by_phone: dict[str, Row], by_external_id: dict[str, Row], leads: LeadColumns, at: int) -> bool:
    return leads.phones[at] in by_phone or leads.external_ids[at] in by_external_id


def _meant(
    by_phone: dict[str, Row], by_external_id: dict[str, Row], leads: LeadColumns, at: int
) -> Row | None:
    """The known lead that a row means; None if its number belongs to another one."""
    external_id = leads.external_ids[at]
    named = by_external_id.get(external_id) if external_id is not None else None
    called = by_phone.get(leads.phones[at])
    if named is None and called is None:
        # it was there when the row was refused, so somebody has changed it since
        raise ServerUnavailable("the ledger is busy", "a lead was changed by another writer", "try again")
    if external_id is None or called is None:
        return called or named
    if named is None:
        return called if called["external_id"] is None else None
    return named if named["lead_id"] == called["lead_id"] else None


def as_it_is(row: Row) -> Change:
    return Change(
        lead_id=row["lead_id"],
        phone=row["phone"],
        external_id=row["external_id"],
        name=row["name"],
        email=row["email"],
        timezone=row["timezone"],
        region=row["region"],
        place_id=row["place_id"],
        priority=row["priority"],
        appointment_at_ms=to_ms_or_none(row["appointment_at"]),
        consent=row["consent"],
        tags="\x1f".join(row["tags"]),
        variables=row["variables"],
        status=row["status"],
        agent_id=row["agent_id"],
        batch_id=row["batch_id"],
        version=row["version"],
    )


async def _as_it_becomes(
    place_id: Callable[[Place], Awaitable[int]], leads: LeadColumns, at: int, row: Row
) -> Change:
    """The lead with all that the row states."""
    before = as_it_is(row)
    change = as_it_is(row)
    where = (change.phone, change.timezone, change.region)
    change.phone = leads.phones[at]
    change.external_id = leads.external_ids[at] or change.external_id
    change.name = leads.names[at] or change.name
    change.email = leads.emails[at] or change.email
    change.timezone = leads.timezones[at] or change.timezone
    change.region = leads.regions[at] or change.region
    change.appointment_at_ms = leads.appointment_ats_ms[at] or change.appointment_at_ms
    change.consent = leads.consents[at] or change.consent
    change.tags = leads.tags[at] or change.tags
    change.variables = _merged(change.variables, leads.variables[at])
    if leads.priorities[at] == Priority.LIVE:
        change.priority = Priority.LIVE.value
    if (change.phone, change.timezone, change.region) != where:
        place = combine(place_of(change.phone), change.timezone, change.region)
        change.place_id = await place_id(place)
    if any(getattr(change, name) != getattr(before, name) for name in PLANNED_BY):
        change.version += 1
    return change


def _merged(known: str, stated: str) -> str:
    """The known variables with the stated ones; the very text where nothing changes."""
    if stated in ("{}", known):
        return known
    before = _decode(known)
    after = before | _decode(stated)
    return known if after == before else _encode(after).decode()


async def start_known(
    flow: Flow,
    target: Target,
    prepared: Prepared,
    unenrolled: Sequence[tuple[int, Row, Change]],
    room: int | None,
    on: Connection,
) -> tuple[dict[int, Enrolled], list[Placing]]:
    """Start a loop of known leads that have none; they may have been called before: their contacts count.
    What becomes of the leads by that is noted in their `Change`, which the caller writes."""
    assert target.agent_id is not None
    policy = (await terms_of(flow, target, on)).policy
    if policy is None:
        raise ServerUnavailable("the ledger is busy", "the agent was changed by another writer", "try again")
    drafts = msgspec.structs.replace(prepared.drafts, policy_version=policy.version, follows=followed(policy))
    loops = LoopColumns(*([] for _ in LoopColumns.__struct_fields__))
    keys = []
    spread = Spread() if prepared.pace is None else prepared.pace.spread
    starts = Starts(spread, policy, drafts.now_ms)
    for at, row, change in unenrolled:
        place: Place = await flow.places.get(change.place_id)
        priority = Priority(change.priority)
        lead = Lead(
            key=flow.lead_key(change.external_id, change.phone),
            place=place,
            priority=priority,
            contacts=to_ms_tuple(row["contacts"]),
            consent=change.consent is not None,
            consent_until_ms=expires_ms(change.consent),
            appointment_at_ms=change.appointment_at_ms,
            tags=tuple(change.tags.split("\x1f")) if change.tags else (),
            variables={} if policy.cadence is None else read_variables(change.variables),
            quiet_until_ms=to_ms_or_none(row["quiet_until"]),
        )
        ordinal = None if drafts.ordinals is None else drafts.ordinals[at]
        append_plan(loops, starts.plan(lead, ordinal, drafts.now_ms), priority)
        keys.append(LaneKey(target.agent_id, loops.lane_classes[-1], target.batch_id, change.place_id))
        change.status = lead_status(loops.end_reasons[-1])
        change.agent_id, change.batch_id = target.agent_id, target.batch_id or None
    refs = await flow.lanes.ensure(keys, drafts.now_ms)
    lead_ids = [change.lead_id for _, _, change in unenrolled]
    versions = [change.version for _, _, change in unenrolled]
    by_lead, placings = await start_loops(
        flow, target, drafts, loops, lead_ids, versions, [refs[key] for key in keys], room, on
    )
    over = [
        lead_id for lead_id, reason in zip(lead_ids, loops.end_reasons, strict=True) if reason is not None
    ]
    told = of_enrolled(target.account_id, target.batch_id, started=by_lead, over=over)
    await tell_all(flow.database, told, drafts.now_ms, on)
    results = {}
    for (at, _, change), next_at_ms in zip(unenrolled, loops.next_ats_ms, strict=True):
        loop_id = None if next_at_ms is None else by_lead[change.lead_id]
        results[at] = Enrolled("updated", change.lead_id, loop_id, next_at_ms)
    return results, placings


def _result(action: str, row: Row, code: str = "", detail: str = "") -> Enrolled:
    return Enrolled(action, row["lead_id"], row["loop_id"], to_ms_or_none(row["next_at"]), code, detail)
