"""Attempts: single contacts, under way or over."""

from __future__ import annotations

from api import schemas, views
from api.coming import AHEAD_MS
from api.contact_filters import ids_of
from api.instants import sensible
from api.paging import listed, slice_of
from api.problems import invalid
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_contacts import AttemptsQuery, ResultIn
from scheduler.flow.hand_result import note_result
from scheduler.ledger import reads
from scheduler.ledger.contacts import AttemptFilter, attempts_page, count_attempts
from scheduler.ledger.instants import to_ms
from scheduler.ledger.pages import Created

STATES = {
    "initiated": ("armed", "accepted", "unknown"),
    "ringing": ("ringing",),
    "in_progress": ("in_call",),
    "ended": ("done",),
    "skipped": ("skipped",),
    "canceled": ("canceled",),
}
"""The ledger's states of each status that is shown."""


@route("GET", "/v1/attempts", scope="read")
async def list_attempts(call: Call, query: AttemptsQuery) -> Reply[Page[schemas.Attempt]]:
    """Contacts that were begun, newest first unless `order=asc`. What is planned is shown with its lead."""
    database = call.deps.flow.database
    narrow = narrowed(call, query)
    found: list[int] = []
    if narrow is not None:
        found = await attempts_page(
            database,
            call.account_id,
            slice_of(call, query),
            narrow,
        )

    async def count(created: Created) -> int:
        return 0 if narrow is None else await count_attempts(database, call.account_id, narrow, created)

    rows = {row["attempt_id"]: row for row in await reads.attempts(database, call.account_id, found)}
    numbers = [number for number in found if number in rows]
    shown = [views.attempt(rows[number], views.zone_of(rows[number]), call.ids) for number in numbers]
    return await listed(call, query, shown, numbers, count)


@route("GET", "/v1/attempts/{id}", scope="read")
async def show_attempt(call: Call) -> Reply[schemas.Attempt]:
    """One attempt with its outcome and why it was made when it was made."""
    row = await reads.attempt(call.deps.flow.database, call.account_id, call.id("att"))
    return Reply(views.attempt(row, views.zone_of(row), call.ids))


@route("POST", "/v1/attempts/{id}/result", scope="calls:write")
async def note(call: Call, body: ResultIn) -> Reply[schemas.Attempt]:
    """Say how a contact ended and what it meant: a call under way ends with it, the loop goes on by it. In
    force once this is answered; the same again changes nothing."""
    attempt_id = call.id("att")
    if body.outcome is None and body.disposition is None and body.callback_at is None and body.talk_s is None:
        raise invalid("", "required", "say at least one of outcome, disposition, callback_at, talk_s")
    if body.callback_at is not None and not (
        sensible(body.callback_at) and to_ms(body.callback_at) <= call.deps.clock.now_ms() + AHEAD_MS
    ):  # one that has passed is no slip: reports come late
        raise invalid("/callback_at", "out-of-range", "an instant within a year")
    await note_result(
        call.deps.flow,
        call.deps.clock,
        call.deps.hang_up,
        account_id=call.account_id,
        attempt_id=attempt_id,
        outcome=body.outcome,
        disposition=body.disposition,
        callback_at_ms=None if body.callback_at is None else to_ms(body.callback_at),
        talk_s=body.talk_s,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    row = await reads.attempt(call.deps.flow.database, call.account_id, attempt_id)
    return Reply(views.attempt(row, views.zone_of(row), call.ids))


def narrowed(call: Call, query: AttemptsQuery) -> AttemptFilter | None:
    """None when no attempt can match: an id that is nobody's."""
    asked = {
        "lead_ids": ids_of(call.ids, "lead", query.lead_id),
        "loop_ids": ids_of(call.ids, "loop", query.loop_id),
        "agent_ids": ids_of(call.ids, "agt", query.agent_id),
        "batch_ids": ids_of(call.ids, "bat", query.batch_id),
        "cadence_ids": ids_of(call.ids, "cad", query.cadence_id),
    }
    if [] in asked.values():
        return None
    states = None if query.status is None else [state for one in query.status for state in STATES[one]]
    return AttemptFilter(
        **asked,
        states=states,
        outcomes=None if query.outcome is None else [str(one) for one in query.outcome],
        channels=None if query.channel is None else [str(one) for one in query.channel],
        due_from=query.due_from,
        due_until=query.due_until,
        dispatched_from=query.dispatched_from,
        dispatched_until=query.dispatched_until,
    )


ROUTES = (list_attempts, show_attempt, note)
