"""Cadences out of the account and into it, as files."""

from __future__ import annotations

import msgspec

from api.cadence_edits import create_draft, shown, write_draft
from api.cadence_files import exported, imported
from api.editing import editing
from api.requests_cadences import CadenceFile
from api.routing import Call, Reply, route
from api.schemas_cadences import CadenceImported
from api.schemas_impact import ChangeQuery, Impact
from scheduler.domain.cadence_form import CadenceForm
from scheduler.ledger import cadences

_NOTHING_MOVES = Impact(earlier=0, later=0, unchanged=0, out=0, examined=0, estimated=False)


class _Rehearsed(Exception):
    """Ends the transaction of a dry run."""


@route("GET", "/v1/cadences/{id}/export", scope="read")
async def export(call: Call) -> Reply[CadenceFile]:
    """The draft as a file, to be imported here or elsewhere. Other cadences go by their names in it."""
    row = await cadences.cadence(call.deps.flow.database, call.account_id, call.id("cad"))
    return Reply(await exported(call, row["name"], row["description"], cadences.draft_of(row)))


@route("POST", "/v1/cadences/import", scope="cadences:write")
async def import_cadence(call: Call, body: CadenceFile, query: ChangeQuery) -> Reply[CadenceImported]:
    """A new draft out of a file; called a copy where its name is taken.

    What it leads to must be in the account. `dry_run`: the draft as it would be, without an id.
    """
    database, made = call.deps.flow.database, None
    try:
        async with editing(call) as edit:
            name = await cadences.free_name(database, edit.on, call.account_id, body.name)
            cadence_id = await create_draft(call, edit, name, body.description, CadenceForm(steps=[]))
            form = await imported(call, edit.on, body, cadence_id)  # its own name leads to itself
            await write_draft(call, edit, cadence_id, form)
            made, headers = await shown(call, cadence_id, edit.on)
            if query.dry_run:
                raise _Rehearsed
    except _Rehearsed:
        pass
    assert made is not None
    fields = msgspec.structs.asdict(made) | {"impact": _NOTHING_MOVES}
    if query.dry_run:
        steps = [msgspec.structs.replace(step, id=None) for step in made.steps]
        return Reply(CadenceImported(**{**fields, "id": None, "steps": steps}))
    headers["Location"] = f"/v1/cadences/{made.id}"
    return Reply(CadenceImported(**fields), status=201, headers=headers)


ROUTES = (export, import_cadence)
