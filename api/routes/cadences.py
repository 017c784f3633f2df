"""Cadences: drafts that are edited and published, and the states that they go through."""

from __future__ import annotations

from functools import partial

import msgspec
from aiohttp import web

from api import cadence_views, schemas
from api import requests_cadences as requests
from api.cadence_edits import (
    create_draft,
    drafting,
    made,
    move_cadence,
    reply,
    require_match,
    shown,
    unnumbered,
)
from api.cadence_forms import read_sequence
from api.editing import editing, given
from api.paging import listed, slice_of
from api.problems import Problem
from api.routes.jobs import shown_job
from api.routing import Call, Reply, route
from api.schemas_cadences import Cadence, CadenceArchived
from scheduler.ledger import cadences
from scheduler.ledger.jobs import create_job

ARCHIVING = "cadence-archive"


@route("GET", "/v1/cadences", scope="read")
async def list_cadences(call: Call, query: requests.CadencesQuery) -> Reply[schemas.Page[Cadence]]:
    """The account's cadences, oldest first unless `order=desc`."""
    database, statuses = call.deps.flow.database, query.status or None
    rows = await cadences.cadences(
        database,
        call.account_id,
        slice_of(call, query),
        statuses=statuses,
    )
    numbers = [row["cadence_id"] for row in rows]
    active = await cadences.active_loops(database, numbers)
    found = [cadence_views.cadence(row, active.get(row["cadence_id"], 0), call.ids) for row in rows]
    count = partial(cadences.count_cadences, database, call.account_id, statuses=statuses)
    return await listed(call, query, found, numbers, count)


@route("POST", "/v1/cadences", scope="cadences:write")
async def create_cadence(call: Call, body: requests.CadenceIn) -> Reply[Cadence]:
    """A new draft, which may be unfinished; 409 when the name is taken."""
    async with editing(call) as edit:
        form = await read_sequence(call, edit.on, given(body))
        cadence_id = await create_draft(call, edit, body.name, body.description, form)
    return await made(call, cadence_id)


@route("GET", "/v1/cadences/{id}", scope="read")
async def show_cadence(call: Call) -> Reply[Cadence]:
    """One cadence with its draft."""
    return await reply(call, call.id("cad"))


@route("PATCH", "/v1/cadences/{id}", scope="cadences:write", if_match=True)
async def change_cadence(call: Call, body: requests.CadenceChange) -> Reply[Cadence]:
    """Edit the draft; needs `If-Match`. Calls follow it once it is published.

    Name and description hold at once. Steps that are sent with their `id` stay the ones that they are.
    """
    said = given(body)
    async with drafting(call, "cadence_changed", match="needed") as draft:
        draft.form = await read_sequence(call, draft.edit.on, said, draft.form)
        draft.name = said.get("name", draft.name)
        draft.description = said.get("description", draft.description)
    return await reply(call, call.id("cad"))


@route("DELETE", "/v1/cadences/{id}", scope="cadences:write", compares=True)
async def delete_cadence(call: Call) -> web.Response:
    """Remove a cadence that no lead ever followed; 409 for any other: archive it."""
    cadence_id, database = call.id("cad"), call.deps.flow.database
    async with editing(call) as edit:
        await cadences.lock_cadences(database, edit.on, call.account_id)
        row = await cadences.lock_cadence(database, edit.on, call.account_id, cadence_id)
        require_match(call.request, row, needed=False)
        await cadences.check_free(database, edit.on, call.account_id, cadence_id)
        if not await cadences.delete_cadence(database, edit.on, call.account_id, cadence_id):
            raise Problem("in-use", "leads have followed it", hint="archive it instead")
        await edit.tell("cadence_deleted", f"cadence:{cadence_id}", {"name": row["name"]}, None)
    return web.Response(status=204)


@route("POST", "/v1/cadences/{id}/activate", scope="cadences:write", compares=True)
async def activate(call: Call) -> Reply[Cadence]:
    """Leads may be enrolled in it again. Again changes nothing."""
    return await _moved(call, "activate")


@route("POST", "/v1/cadences/{id}/deactivate", scope="cadences:write", compares=True)
async def deactivate(call: Call) -> Reply[Cadence]:
    """Nobody is enrolled any more; loops that run it go on to their end. Again changes nothing."""
    return await _moved(call, "deactivate")


@route("POST", "/v1/cadences/{id}/archive", scope="cadences:write", compares=True, answers=(200, 202))
async def archive(call: Call, body: requests.CadenceArchiveIn) -> Reply[CadenceArchived]:
    """Put it away: nobody is enrolled, and nobody is called by it any more. Again changes nothing.

    409 while other cadences or agents lead into it, and while loops run it unless `end_loops` says that they
    are to end; 202 with the job that ends them.
    """
    cadence_id, database, job_id = call.id("cad"), call.deps.flow.database, None
    async with editing(call) as edit:
        await cadences.lock_cadences(database, edit.on, call.account_id)
        if await move_cadence(call, edit, cadence_id, "archive"):
            await cadences.check_free(database, edit.on, call.account_id, cadence_id)
            running = (await cadences.active_loops(database, [cadence_id], edit.on)).get(cadence_id, 0)
            if running and not body.end_loops:
                hint = "send end_loops: true to end them, or deactivate the cadence and let them go on"
                raise Problem("in-use", f"{running} loops still run it", hint=hint)
            if running:
                job_id = await create_job(
                    database,
                    account_id=call.account_id,
                    kind=ARCHIVING,
                    args={"cadence_id": cadence_id},
                    total=running,
                    now_ms=edit.now_ms,
                    on=edit.on,
                )
    found, headers = await shown(call, cadence_id)
    job = None if job_id is None else await shown_job(call, job_id)
    if job is not None:
        headers["Location"] = f"/v1/jobs/{job.id}"
    answer = CadenceArchived(**msgspec.structs.asdict(found), job=job)
    return Reply(answer, status=200 if job is None else 202, headers=headers)


@route("POST", "/v1/cadences/{id}/restore", scope="cadences:write", compares=True)
async def restore(call: Call) -> Reply[Cadence]:
    """Out of the archive: inactive, or the draft that it was. Again changes nothing."""
    return await _moved(call, "restore")


@route("POST", "/v1/cadences/{id}/duplicate", scope="cadences:write", answers=(201,))
async def duplicate(call: Call, body: requests.CopyIn) -> Reply[Cadence]:
    """A new draft that says the same, with steps of its own. Without a `name` it is called a copy."""
    database = call.deps.flow.database
    async with editing(call) as edit:
        row = await cadences.cadence(database, call.account_id, call.id("cad"))
        free = await cadences.free_name(database, edit.on, call.account_id, row["name"], copied=True)
        name = body.name or free
        form = unnumbered(cadences.draft_of(row))
        cadence_id = await create_draft(call, edit, name, row["description"], form)
    return await made(call, cadence_id)


async def _moved(call: Call, move: str) -> Reply[Cadence]:
    cadence_id = call.id("cad")
    async with editing(call) as edit:
        await move_cadence(call, edit, cadence_id, move)
    return await reply(call, cadence_id)


ROUTES = (
    list_cadences,
    create_cadence,
    show_cadence,
    change_cadence,
    delete_cadence,
    activate,
    deactivate,
    archive,
    restore,
    duplicate,
)
