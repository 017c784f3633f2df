"""Leads: taken in, shown, changed and erased."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from api import views
from api.lead_entries import check_parts, consent_text, entry_of
from api.lead_targets import agent_named, batch_named, not_an_agent, refusal_of, target_named
from api.preconditions import require_match
from api.problems import Problem, invalid
from api.requests_leads import ConsentIn, LeadChange, LeadIn
from api.routing import Call, Reply, route
from api.schemas_leads import Lead
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.errors import NotFound, UnknownRegion, UnknownZone
from scheduler.flow.entries import DETAILS, MAX_EXTERNAL_ID, MAX_VARIABLES, Entry
from scheduler.flow.erase import erase_lead
from scheduler.flow.lead_change import LeadEdit, change_lead
from scheduler.ledger import reads
from scheduler.ledger.instants import to_ms
from scheduler.ledger.leads import LeadFilter, page_of_leads


@route("POST", "/v1/leads", scope="leads:write", answers=(201, 200))
async def create_lead(call: Call, body: LeadIn) -> Reply[Lead]:
    """Take a lead in; with an agent it is followed up, and a live one is called at once.

    201 for a new lead, 200 for one that was known by its external id or its phone: it is changed where it
    says something else. The reply tells when the next attempt is and why.
    """
    return await _take_in(call, body, entry_of(body))


@route("PUT", "/v1/leads/external/{external_id}", scope="leads:write", answers=(201, 200), compares=True)
async def upsert_lead(call: Call, body: LeadIn) -> Reply[Lead]:
    """Take in the lead of an external id, or change it where the body says something else."""
    external_id = call.request.match_info["external_id"]
    if len(external_id) > MAX_EXTERNAL_ID or any(ord(character) < 32 for character in external_id):
        raise Problem("not-found")
    if body.external_id not in (None, external_id):
        raise invalid("/external_id", "invalid", "the path states another external id")
    if "If-Match" in call.request.headers:
        named = LeadFilter(external_ids=(external_id,))
        known = await page_of_leads(call.deps.flow.database, call.account_id, named, limit=1)
        if not known:
            raise Problem("version-stale", "there is no lead of that external id")
        require_match(call.request, await _shown(call, known[0].lead_id))
    return await _take_in(call, body, entry_of(body, external_id))


@route("GET", "/v1/leads/{id}", scope="read")
async def show_lead(call: Call) -> Reply[Lead]:
    """One lead, with its next attempt and why it is then."""
    return Reply(await _shown(call, call.id("lead")))


@route("PATCH", "/v1/leads/{id}", scope="leads:write")
async def edit_lead(call: Call, body: LeadChange) -> Reply[Lead]:
    """Change what the body names; null takes away. In force when it is answered, for calls under way as well.

    Another agent or batch takes the lead's loop with it, without an agent the loop ends.
    """
    lead_id = call.id("lead")
    try:
        await change_lead(
            call.deps.flow,
            call.deps.clock,
            account_id=call.account_id,
            lead_id=lead_id,
            edit=await _edit(call, body),
            actor=call.actor,
            permit_s=call.deps.settings.permit_s,
        )
    except UnknownZone:
        raise invalid("/timezone", "timezone-unknown", DETAILS["timezone-unknown"]) from None
    except UnknownRegion:
        raise invalid("/region", "region-unknown", DETAILS["region-unknown"]) from None
    return Reply(await _shown(call, lead_id))


@route("DELETE", "/v1/leads/{id}", scope="leads:write")
async def forget_lead(call: Call) -> web.StreamResponse:
    """Erase a person: name, phones, mail, external id, variables and texts are gone, its loop has ended.

    Ids and counts stay, and a suppression by a keyed hash of the phone: the number never comes in again. 409
    `lead-busy` while a call is under way.
    """
    await erase_lead(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        lead_id=call.id("lead"),
        actor=call.actor,
    )
    return web.Response(status=204)


async def _take_in(call: Call, body: LeadIn, entry: Entry) -> Reply[Lead]:
    target = await target_named(
        call.deps.flow,
        call.ids,
        call.account_id,
        agent_id=body.agent_id,
        batch_id=body.batch_id,
        cadence_id=body.cadence_id,
    )
    try:
        taken = await call.deps.together.enrol(target, entry, call.deps.clock.now_ms())
    except NotFound:
        raise not_an_agent() from None
    refused = refusal_of(taken.enrolled)
    if refused is not None:
        raise refused
    if taken.lead is None:  # erased in this very moment
        raise Problem("not-found")
    shown = views.lead(taken.lead, call.ids)
    status = 201 if taken.enrolled.action == "created" else 200
    return Reply(shown, status=status, headers={"Location": f"/v1/leads/{shown.id}"})


async def _shown(call: Call, lead_id: int) -> Lead:
    return views.lead(await reads.lead(call.deps.flow.database, call.account_id, lead_id), call.ids)


async def _edit(call: Call, body: LeadChange) -> LeadEdit:
    """The body as the flow takes it. Raises Problem 422."""
    check_parts(body)
    of = (call.deps.flow, call.ids, call.account_id)
    said: dict[str, Any] = {
        name: value
        for name in ("external_id", "name", "email", "timezone", "region", "priority")
        if (value := getattr(body, name)) is not msgspec.UNSET
    }
    for name in ("timezone", "region"):
        if name in said:
            said[name] = said[name] or None
    if body.phone is not msgspec.UNSET:
        try:
            said["phone"] = normalize(body.phone)
        except BadNumber as error:
            raise invalid("/phone", error.code, DETAILS[error.code]) from None
    if body.appointment_at is not msgspec.UNSET:
        said["appointment_at_ms"] = None if body.appointment_at is None else to_ms(body.appointment_at)
    if body.consent is not msgspec.UNSET:
        said["consent"] = consent_text(body.consent) if isinstance(body.consent, ConsentIn) else None
    if body.tags is not msgspec.UNSET:
        said["tags"] = tuple(body.tags)
    if body.variables is not msgspec.UNSET:
        packed = msgspec.json.encode(body.variables)
        if len(packed) > MAX_VARIABLES:
            detail = f"the variables of a lead take {MAX_VARIABLES} bytes at most"
            raise invalid("/variables", "cell-too-large", detail)
        said["variables"] = packed.decode()
    if body.agent_id is not msgspec.UNSET:
        said["agent_id"] = None if body.agent_id is None else await agent_named(*of, body.agent_id)
    if body.batch_id is not msgspec.UNSET:
        said["batch_id"] = None if body.batch_id is None else (await batch_named(*of, body.batch_id))[0]
    return LeadEdit(**said)


ROUTES = (create_lead, upsert_lead, show_lead, edit_lead, forget_lead)
