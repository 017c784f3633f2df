"""Changes of a cadence's draft: read under a lock, changed, numbered and written in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
from aiohttp import web

from api import cadence_views, schemas_cadences
from api.cadence_forms import check_room
from api.cadence_states import MOVES, conflict, goal
from api.editing import Edit, editing
from api.preconditions import names
from api.problems import Problem
from api.routing import Call, Reply
from scheduler.domain.cadence_form import CadenceForm, RuleForm, StepForm
from scheduler.ledger import cadences
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.step_times import times_after, times_of


class Draft:
    """A draft under way: `form`, `name` and `description` may be set, and `times` of steps that come back."""

    def __init__(self, edit: Edit, row: Row) -> None:
        self.edit = edit
        self.row = row
        self.name: str = row["name"]
        self.description: str = row["description"]
        self.form = cadences.draft_of(row)
        self.times = times_of(row)


@asynccontextmanager
async def drafting(
    call: Call, action: str, *, match: Literal["needed", "heeded", "not ours"] = "heeded"
) -> AsyncIterator[Draft]:
    """The draft of `{id}`; what differs afterwards is written, with a line of the audit log.

    `match`: whether `If-Match` has to be there, or names the tag of something else. Raises Problem 404, 409
    for an archived cadence, 412, 428; Refused when the name is taken.
    """
    cadence_id = call.id("cad")
    async with editing(call) as edit:
        row = await cadences.lock_cadence(call.deps.flow.database, edit.on, call.account_id, cadence_id)
        if match != "not ours":
            require_match(call.request, row, needed=match == "needed")
        if row["status"] == "archived":
            raise conflict("archived", "restore it first")
        draft = Draft(edit, row)
        yield draft
        before, after = _said(Draft(edit, row)), _said(draft)
        if before == after:
            return
        await _write(call, draft)
        after = _said(draft)
        changed = [name for name in after if after[name] != before[name]]
        await edit.tell(
            action,
            f"cadence:{cadence_id}",
            {name: before[name] for name in changed},
            {name: after[name] for name in changed},
        )


async def create_draft(call: Call, edit: Edit, name: str, description: str, form: CadenceForm) -> int:
    """A new cadence with its line of the audit log; answers its number. Raises Refused for a name that is
    taken."""
    check_room(form)
    await cadences.number_steps(call.deps.flow.database, edit.on, form)
    cadence_id = await cadences.create_cadence(
        call.deps.flow.database,
        edit.on,
        account_id=call.account_id,
        name=name,
        description=description,
        draft=form,
        now_ms=edit.now_ms,
    )
    await edit.tell("cadence_created", f"cadence:{cadence_id}", None, {"name": name})
    return cadence_id


async def write_draft(call: Call, edit: Edit, cadence_id: int, form: CadenceForm) -> None:
    """Have a cadence that was just made say this."""
    row = await cadences.lock_cadence(call.deps.flow.database, edit.on, call.account_id, cadence_id)
    draft = Draft(edit, row)
    draft.form = form
    await _write(call, draft)


async def _write(call: Call, draft: Draft) -> None:
    check_room(draft.form)
    database, edit = call.deps.flow.database, draft.edit
    await cadences.number_steps(database, edit.on, draft.form)
    before = cadences.draft_of(draft.row)
    draft.times = times_after(before, draft.form, draft.times, edit.now_ms)
    await cadences.change_cadence(
        database,
        edit.on,
        draft.row,
        account_id=call.account_id,
        name=draft.name,
        description=draft.description,
        draft=draft.form,
        times=draft.times,
        now_ms=edit.now_ms,
    )


async def move_cadence(call: Call, edit: Edit, cadence_id: int, move: str) -> bool:
    """Take it to the state that one of MOVES leads to, with a line of the audit log; False when it is there.

    Raises Problem 404, 409 from a state that knows no such way, 412; Refused when its name is taken.
    """
    database = call.deps.flow.database
    row = await cadences.lock_cadence(database, edit.on, call.account_id, cadence_id)
    require_match(call.request, row, needed=False)
    way, status = MOVES[move], goal(move, row["version"])
    if row["status"] in way.there:
        return False
    moved = await cadences.move_cadence(
        database,
        edit.on,
        call.account_id,
        cadence_id,
        leaving=way.leaving,
        status=status,
        now_ms=edit.now_ms,
    )
    if not moved:
        raise conflict(row["status"], way.otherwise)
    before, after = {"status": row["status"]}, {"status": status}
    await edit.tell(way.told, f"cadence:{cadence_id}", before, after)
    return True


def follow_moves(before: list[StepForm], after: list[StepForm], *, but: int = 0) -> list[StepForm]:
    """`after`, where rules of steps that were there go to the steps that they went to, or nowhere if those
    are gone. `but`: the number of a step whose rules are new."""
    places = {step.id: place for place, step in enumerate(after, 1)}

    def moved(rule: RuleForm) -> RuleForm:
        if rule.step is None or rule.step > len(before):
            return rule
        return msgspec.structs.replace(rule, step=places.get(before[rule.step - 1].id))

    return [
        step
        if step.id in (0, but)
        else msgspec.structs.replace(step, routing=[moved(rule) for rule in step.routing])
        for step in after
    ]


def unnumbered(form: CadenceForm) -> CadenceForm:
    """The same with steps that are to get numbers of their own."""
    steps = [msgspec.structs.replace(step, id=0) for step in form.steps]
    return msgspec.structs.replace(cadences.nameless(form), steps=steps)


async def shown(
    call: Call, cadence_id: int, on: Connection | None = None
) -> tuple[schemas_cadences.Cadence, dict[str, str]]:
    """The cadence, and its headers: the tag that `If-Match` is compared to. Raises NotFound."""
    database = call.deps.flow.database
    row = await cadences.cadence(database, call.account_id, cadence_id, on)
    active = (await cadences.active_loops(database, [cadence_id], on)).get(cadence_id, 0)
    return cadence_views.cadence(row, active, call.ids), {"ETag": tag_of(row, active)}


async def reply(call: Call, cadence_id: int) -> Reply[schemas_cadences.Cadence]:
    body, headers = await shown(call, cadence_id)
    return Reply(body, headers=headers)


async def made(call: Call, cadence_id: int) -> Reply[schemas_cadences.Cadence]:
    """201, with the place of the new cadence."""
    body, headers = await shown(call, cadence_id)
    return Reply(body, status=201, headers={**headers, "Location": f"/v1/cadences/{body.id}"})


def tag_of(row: Row, active_loops: int) -> str:
    """Loops come and go without anybody editing: `If-Match` looks at what stands before the dot."""
    return f'"{row["draft_version"]}.{active_loops}"'


def require_match(request: web.Request, row: Row, *, needed: bool) -> None:
    """Raises Problem 412 when `If-Match` names another draft; 428 when it is needed and is not there."""
    said = request.headers.get("If-Match")
    if said is None:
        if needed:
            raise Problem(
                "precondition-required", "send the ETag of the cadence that you have read as If-Match"
            )
        return
    drafts = ",".join(part.strip().partition(".")[0] + '"' for part in said.split(","))
    if said.strip() != "*" and not names(drafts, f'"{row["draft_version"]}"'):
        raise Problem("version-stale")


def _said(draft: Draft) -> dict[str, Any]:
    sequence = msgspec.to_builtins(draft.form)
    return {**sequence, "name": draft.name, "description": draft.description}
