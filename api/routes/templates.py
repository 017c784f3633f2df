"""Templates: what a cadence may begin with. Those of dialwheel are shown before the account's own."""

from __future__ import annotations

import msgspec
from aiohttp import web

from api import cadence_views, requests, schemas
from api import requests_cadences as bodies
from api.cadence_edits import create_draft, made, unnumbered
from api.cadence_forms import SEQUENCE, check_room, read_sequence
from api.editing import editing, given
from api.paging import listed, slice_of
from api.preconditions import require_match
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from api.schemas_cadences import Cadence, Template
from scheduler.domain.cadence_form import CadenceForm
from scheduler.domain.templates import BUILT_IN
from scheduler.errors import NotFound
from scheduler.ledger import cadences, reads, templates
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import EPOCH
from scheduler.ledger.pages import Created, within

_BUILT_IN = {said.number: said for said in BUILT_IN}


@route("GET", "/v1/templates", scope="read")
async def list_templates(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[Template]]:
    """The built-in templates, then the account's own, oldest first unless `order=desc`."""
    database, page = call.deps.flow.database, slice_of(call, query)
    rows = await templates.templates(database, call.account_id, page)
    found = {row["template_id"]: cadence_views.template(row, call.ids) for row in rows}
    for number, said in _BUILT_IN.items():
        if page.takes(number, EPOCH):
            found[number] = cadence_views.built_in(said, call.ids)
    numbers = sorted(found, reverse=page.descending)[: query.limit + 1]

    async def count(created: Created) -> int:
        own = await reads.count_owned(database, call.account_id, "template", created)
        return own + (len(BUILT_IN) if within(created, EPOCH) else 0)

    return await listed(call, query, [found[number] for number in numbers], numbers, count)


@route("POST", "/v1/templates", scope="cadences:write")
async def create_template(call: Call, body: bodies.TemplateIn) -> Reply[Template]:
    """Save a cadence's draft, or what is said here, to begin others with; 409 when the name is taken."""
    said = given(body)
    description = body.description or ""
    async with editing(call) as edit:
        if body.cadence_id is None:
            form = await read_sequence(call, edit.on, said)
        else:
            _check_alone(body)
            form, of_cadence = await _of_cadence(call, edit.on, body.cadence_id)
            description = of_cadence if body.description is None else body.description
        check_room(form)
        template_id = await templates.create_template(
            call.deps.flow.database,
            edit.on,
            account_id=call.account_id,
            name=body.name,
            description=description,
            content=unnumbered(form),
            now_ms=edit.now_ms,
        )
        await edit.tell("template_created", f"template:{template_id}", None, {"name": body.name})
    shown = await _shown(call, template_id)
    return Reply(shown, status=201, headers={"Location": f"/v1/templates/{shown.id}"})


@route("GET", "/v1/templates/{id}", scope="read")
async def show_template(call: Call) -> Reply[Template]:
    """One template."""
    return Reply(await _shown(call, call.id("tpl")))


@route("PATCH", "/v1/templates/{id}", scope="cadences:write", if_match=True)
async def change_template(call: Call, body: bodies.TemplateChange) -> Reply[Template]:
    """Change a template of the account's own; needs `If-Match`. Cadences made of it stay as they are."""
    template_id, database, said = _own(call), call.deps.flow.database, given(body)
    async with editing(call) as edit:
        row = await templates.template(database, call.account_id, template_id, edit.on)
        require_match(call.request, cadence_views.template(row, call.ids))
        before = cadence_views.content_of(row)
        form = unnumbered(await read_sequence(call, edit.on, said, before))
        name, description = said.get("name", row["name"]), said.get("description", row["description"])
        check_room(form)
        changed = await templates.change_template(
            database,
            edit.on,
            row,
            account_id=call.account_id,
            name=name,
            description=description,
            content=form,
            now_ms=edit.now_ms,
        )
        if not changed:
            raise Problem("version-stale")
        was = {**msgspec.to_builtins(before), "name": row["name"], "description": row["description"]}
        now = {**msgspec.to_builtins(form), "name": name, "description": description}
        await edit.tell_change("template_changed", f"template:{template_id}", was, now)
    return Reply(await _shown(call, template_id))


@route("DELETE", "/v1/templates/{id}", scope="cadences:write")
async def delete_template(call: Call) -> web.Response:
    """Remove a template of the account's own. Cadences made of it stay."""
    template_id = _own(call)
    async with editing(call) as edit:
        name = await templates.delete_template(call.deps.flow.database, edit.on, call.account_id, template_id)
        await edit.tell("template_deleted", f"template:{template_id}", {"name": name}, None)
    return web.Response(status=204)


@route("POST", "/v1/templates/{id}/instantiate", scope="cadences:write", answers=(201,))
async def instantiate(call: Call, body: bodies.CopyIn) -> Reply[Cadence]:
    """A cadence draft that says what the template does; without a `name` it has the template's."""
    template_id, database = call.id("tpl"), call.deps.flow.database
    built_in = _BUILT_IN.get(template_id)
    async with editing(call) as edit:
        if built_in is not None:
            title, description, form = built_in.form.name, built_in.form.description, built_in.form
        else:
            row = await templates.template(database, call.account_id, template_id, edit.on)
            title, description, form = row["name"], row["description"], cadence_views.content_of(row)
        name = body.name or await cadences.free_name(database, edit.on, call.account_id, title)
        cadence_id = await create_draft(call, edit, name, description, unnumbered(form))
    return await made(call, cadence_id)


def _own(call: Call) -> int:
    """Raises Problem 409 for a template that is built in."""
    template_id = call.id("tpl")
    if template_id in _BUILT_IN:
        raise Problem("state-conflict", "this template is built in", hint="save one of your own beside it")
    return template_id


async def _shown(call: Call, template_id: int) -> Template:
    if template_id in _BUILT_IN:
        return cadence_views.built_in(_BUILT_IN[template_id], call.ids)
    row = await templates.template(call.deps.flow.database, call.account_id, template_id)
    return cadence_views.template(row, call.ids)


def _check_alone(body: bodies.TemplateIn) -> None:
    """Raises Problem 422 for a sequence beside the cadence that it is to be taken from."""
    empty = bodies.TemplateIn(name=body.name)
    for field in SEQUENCE:
        if getattr(body, field) != getattr(empty, field):
            raise invalid(f"/{field}", "invalid", "beside cadence_id, which says it already")


async def _of_cadence(call: Call, on: Connection, cadence_id: str) -> tuple[CadenceForm, str]:
    number = call.ids.read("cad", cadence_id) or 0
    try:
        row = await cadences.cadence(call.deps.flow.database, call.account_id, number, on)
    except NotFound:
        raise invalid("/cadence_id", "not-found", "no such cadence in this account") from None
    return cadences.draft_of(row), row["description"]


ROUTES = (list_templates, create_template, show_template, change_template, delete_template, instantiate)
