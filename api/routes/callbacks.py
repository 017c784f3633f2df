"""Callbacks: calls that people asked for, in calls or elsewhere."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from msgspec import UNSET, UnsetType

from api.coming import coming
from api.contact_filters import ids_of
from api.paging import listed, slice_of
from api.problems import invalid
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_callbacks import Callback, CallbackChange, CallbackIn, CallbacksQuery
from api.views import zone_of
from api.views_callbacks import PREFIX
from api.views_callbacks import callback as shown_callback
from scheduler.domain.callback_words import NotUnderstood, pick, read_callback
from scheduler.domain.jitter import draw
from scheduler.flow.callbacks import cancel_callback, move_callback, schedule_callback
from scheduler.ledger import callbacks, reads
from scheduler.ledger.callbacks import CallbackFilter, When


@route("GET", "/v1/callbacks", scope="read")
async def list_callbacks(call: Call, query: CallbacksQuery) -> Reply[Page[Callback]]:
    """Calls that people asked for, whether in a call or here; newest first unless `order=asc`."""
    database = call.deps.flow.database
    lead_ids, agent_ids = (
        ids_of(call.ids, "lead", query.lead_id),
        ids_of(call.ids, "agt", query.agent_id),
    )
    statuses = None if query.status is None else [str(one) for one in query.status]
    narrow = CallbackFilter(lead_ids, agent_ids, statuses, query.at_from, query.at_until)
    rows = await callbacks.callbacks_page(
        database,
        call.account_id,
        slice_of(call, query),
        narrow,
    )
    shown = [shown_callback(row, call.ids) for row in rows]
    count = partial(callbacks.count_callbacks, database, call.account_id, narrow)
    return await listed(call, query, shown, [row["callback_id"] for row in rows], count)


@route("GET", "/v1/callbacks/{id}", scope="read")
async def show(call: Call) -> Reply[Callback]:
    """One callback: when it was asked for, and when it is made."""
    return Reply(await _shown(call, call.id(PREFIX)))


@route("POST", "/v1/callbacks", scope="calls:write", answers=(201, 200))
async def schedule(call: Call, body: CallbackIn) -> Reply[Callback]:
    """Call a lead when it asked to be called; until then its schedule waits. In force when it is answered.

    Outside the hours the next allowed slot is taken: `planned_at`. The latest word counts: a callback that
    was open is canceled. 200 when the lead waits for that very call already. A lead that nobody follows up
    gets a loop that ends with the call.
    """
    lead_id = call.ids.read("lead", body.lead_id)
    if lead_id is None or not await reads.leads(call.deps.flow.database, call.account_id, [lead_id]):
        raise invalid("/lead_id", "not-found", "no such lead in this account")
    if (body.at is None) == (body.text is None):
        raise invalid("/at", "required", "say when: one of at and text")
    scheduled = await schedule_callback(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        lead_id=lead_id,
        when=await _when(call, lead_id, body.at or UNSET, body.text or UNSET),
        note=body.note,
        source=body.source,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    made = await _shown(call, scheduled.number)
    headers = {"Location": f"/v1/callbacks/{made.id}"}
    return Reply(made, status=201, headers=headers) if scheduled.added else Reply(made)


@route("PATCH", "/v1/callbacks/{id}", scope="calls:write")
async def change(call: Call, body: CallbackChange) -> Reply[Callback]:
    """Another time or another note, in force when it is answered; 409 for one that was made or canceled."""
    number = call.id(PREFIX)
    row = await callbacks.callback(call.deps.flow.database, call.account_id, number)
    at = UNSET if body.at == row["at"] else body.at
    text = UNSET if body.text in (None, row["said"]) else body.text
    if at is not UNSET and text is not UNSET:
        raise invalid("/text", "invalid", "say when by one of at and text")
    timed = at is not UNSET or text is not UNSET
    await move_callback(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        number=number,
        when=await _when(call, row["lead_id"], at, text) if timed else None,
        note=None if body.note is UNSET else body.note,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(await _shown(call, number))


@route("DELETE", "/v1/callbacks/{id}", scope="calls:write")
async def cancel(call: Call) -> Reply[None]:
    """The call is not made, the loop goes on as its schedule says; it is still shown, as `canceled`."""
    await cancel_callback(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        number=call.id(PREFIX),
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(None, status=204)


async def _when(call: Call, lead_id: int, at: datetime | UnsetType, text: str | UnsetType) -> When:
    """Raises Problem 422 for an instant that has passed or is too far ahead, and words not understood."""
    now_ms = call.deps.clock.now_ms()
    if at is not UNSET:
        return When(coming(at, now_ms))
    assert text is not UNSET
    row = await reads.lead(call.deps.flow.database, call.account_id, lead_id)
    zone = zone_of(row)
    window = read_callback(text, zone, now_ms)
    if isinstance(window, NotUnderstood):
        raise invalid(
            "/text",
            "not-understood",
            f"not understood: {window.what}",
            hint="say a day and a time, as in: tomorrow at 3 pm; or send at",
        )
    fraction = draw(call.deps.settings.seed, str(lead_id), 1, row["attempts_count"] + 1, "callback")
    at_ms = pick(window, zone, fraction)
    return When(at_ms, window.start_ms, window.end_ms, window.confidence, text)


async def _shown(call: Call, number: int) -> Callback:
    return shown_callback(
        await callbacks.callback(call.deps.flow.database, call.account_id, number), call.ids
    )


ROUTES = (list_callbacks, show, schedule, change, cancel)
