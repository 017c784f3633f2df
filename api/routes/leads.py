"""Leads: enrol one, see it, and see why its next call is when it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from api import requests, schemas, timeline, views
from api.explain import blockers_of
from api.instants import sensible, utc
from api.paging import page, read_cursor
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from scheduler.domain.caller_ids import Budget, budget
from scheduler.domain.model import Priority
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.domain.time import Ms
from scheduler.errors import NotFound
from scheduler.flow.enrol import enrol
from scheduler.flow.entries import BadField, Entry, read_entry
from scheduler.ledger import reads
from scheduler.ledger.caller_ids import pools_today
from scheduler.ledger.instants import EPOCH, to_ms

MOST_DEPTH = 8
"""Levels that the variables of a lead may be nested."""


@route("POST", "/v1/leads", scope="leads:write")
async def create_lead(call: Call, body: requests.LeadIn) -> Reply[schemas.Lead]:
    """Take a lead in; with an agent it is followed up, and a live one is called at once.

    201 for a new lead, 200 for one that was known by its external id or its phone: it is changed where it
    says something else. The reply tells when the next attempt is and why.
    """
    entry = _read(body)
    agent_id, batch_id = await _target(call, body)
    try:
        (result,) = await enrol(
            call.deps.flow,
            account_id=call.account_id,
            agent_id=agent_id,
            batch_id=batch_id,
            entries=[entry],
            now_ms=call.deps.clock.now_ms(),
        )
    except NotFound:
        raise invalid("/agent_id", "not-found", "no such agent in this account") from None
    if result.action == "suppressed":
        raise Problem("dnc-blocked", "the phone is on the account's suppression list")
    if result.lead_id is None:
        raise Problem("state-conflict", result.detail)
    shown = views.lead(await reads.lead(call.deps.flow.database, call.account_id, result.lead_id), call.ids)
    status = 201 if result.action == "created" else 200
    return Reply(shown, status=status, headers={"Location": f"/v1/leads/{shown.id}"})


@route("GET", "/v1/leads/{id}", scope="read")
async def show_lead(call: Call) -> Reply[schemas.Lead]:
    """One lead, with its next attempt and why it is then."""
    return Reply(views.lead(await _lead(call), call.ids))


@route("GET", "/v1/leads/{id}/timeline", scope="read")
async def show_timeline(call: Call) -> Reply[schemas.Page[schemas.TimelineEntry]]:
    """All that happened to a lead and what is planned, oldest first."""
    row = await _lead(call)
    database, lead_id = call.deps.flow.database, row["lead_id"]
    loops = await reads.lead_loops(database, call.account_id, lead_id)
    attempts = await reads.lead_attempts(database, call.account_id, lead_id)
    now = EPOCH + timedelta(milliseconds=call.deps.clock.now_ms())
    return Reply(schemas.Page(timeline.entries(row, loops, attempts, call.ids, now)))


@route("GET", "/v1/leads/{id}/explain", scope="read")
async def explain_lead(call: Call) -> Reply[schemas.Explain]:
    """May the lead be called at this instant, what forbids it, and when the next attempt is and why."""
    row = await _lead(call)
    blocks = await reads.lead_blocks(call.deps.flow.database, call.account_id, row["lead_id"])
    agent_id = row["loop_agent_id"] or row["agent_id"]
    policy = None if agent_id is None else (await call.deps.flow.policies.of_agent(agent_id)).policy
    now_ms = call.deps.clock.now_ms()
    numbers = await _numbers_left(call, blocks["caller_id_pool_id"], now_ms)
    blockers = blockers_of(row, blocks, policy, numbers, now_ms)
    return Reply(
        schemas.Explain(
            lead_id=call.ids.write("lead", row["lead_id"]),
            at=utc(EPOCH + timedelta(milliseconds=now_ms)),
            callable_now=not blockers,
            blockers=blockers,
            next_attempt=views.next_attempt(row),
            why=views.why(row["why"]) if row["next_at"] is not None else [],
        )
    )


@route("POST", "/v1/leads/search", scope="read")
async def search_leads(call: Call, body: requests.SearchIn) -> Reply[schemas.Page[schemas.Lead]]:
    """Leads that match every part of the filter, newest first. Phones travel in the body, never in an URL."""
    narrow = _filter(call, body.filter)
    if narrow is None:
        return Reply(schemas.Page[schemas.Lead]([]))
    found = await reads.find_leads(
        call.deps.flow.database,
        call.account_id,
        narrow,
        before=read_cursor(call.ids, body.cursor),
        limit=body.limit + 1,
    )
    rows = await reads.leads(call.deps.flow.database, call.account_id, found)
    shown = [views.lead(row, call.ids) for row in rows]
    return Reply(page(call.ids, shown, [row["lead_id"] for row in rows], body.limit))


async def _lead(call: Call) -> Any:
    return await reads.lead(call.deps.flow.database, call.account_id, call.id("lead"))


def _read(body: requests.LeadIn) -> Entry:
    """The body as an entry; Problem 422 points at what is wrong."""
    consent = body.consent
    instants = {
        "/appointment_at": body.appointment_at,
        "/consent/captured_at": consent and consent.captured_at,
        "/consent/expires_at": consent and consent.expires_at,
    }
    for pointer, at in instants.items():
        if at and not sensible(at):
            raise invalid(pointer, "out-of-range", "an instant between the years 2000 and 2200")
    if _depth(body.variables) > MOST_DEPTH:
        raise invalid("/variables", "too-deep", f"variables may be nested {MOST_DEPTH} levels deep")
    entry = read_entry(
        phone=body.phone,
        external_id=body.external_id,
        name=body.name,
        email=body.email,
        timezone=body.timezone,
        region=body.region,
        priority=Priority(body.priority),
        appointment_at_ms=None if body.appointment_at is None else to_ms(body.appointment_at),
        consent=None if consent is None else msgspec.json.encode(consent).decode(),
        tags=body.tags,
        variables=body.variables,
    )
    if isinstance(entry, BadField):
        raise invalid(f"/{entry.field}", entry.code, entry.detail)
    return entry


def _depth(value: Any) -> int:
    """Levels of a decoded JSON value; the decoder has bounded them by then."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


async def _target(call: Call, body: requests.LeadIn) -> tuple[int | None, int | None]:
    """The agent and the batch that the body names; a batch brings its agent."""
    agent_id = None if body.agent_id is None else call.ids.read("agt", body.agent_id)
    if body.agent_id is not None and agent_id is None:
        raise invalid("/agent_id", "not-found", "no such agent in this account")
    if body.batch_id is None:
        return agent_id, None
    batch_id = call.ids.read("bat", body.batch_id)
    owned = await reads.owned(
        call.deps.flow.database, call.account_id, agent_id=agent_id, batch_id=batch_id or 0
    )
    if not owned.batch_ok:
        raise invalid("/batch_id", "not-found", "no such batch in this account")
    return agent_id or owned.batch_agent_id, batch_id


async def _numbers_left(call: Call, pool_id: int | None, now_ms: Ms) -> Budget | None:
    """What a pool of caller ids may still dial today."""
    if pool_id is None:
        return None
    [pool] = await pools_today(call.deps.flow.database, [pool_id], now_ms)
    return budget(pool.strategy, pool.numbers, now_ms, pool.ends_ms)


def _filter(call: Call, said: requests.LeadFilterIn) -> reads.LeadFilter | None:
    """None when no lead can match: an id or a phone that cannot be anybody's."""
    phone, agent_id, batch_id = None, None, None
    if said.phone is not None:
        try:
            phone = normalize(said.phone)
        except BadNumber:
            return None
    if said.agent_id is not None and (agent_id := call.ids.read("agt", said.agent_id)) is None:
        return None
    if said.batch_id is not None and (batch_id := call.ids.read("bat", said.batch_id)) is None:
        return None
    statuses = (said.status,) if isinstance(said.status, str) else said.status
    return reads.LeadFilter(
        phone=phone,
        external_id=said.external_id,
        email=said.email,
        name=said.name,
        statuses=None if statuses is None else tuple(statuses),
        agent_id=agent_id,
        batch_id=batch_id,
    )


ROUTES = (create_lead, search_leads, show_lead, show_timeline, explain_lead)
