"""The steps of a cadence's draft, one by one."""

from __future__ import annotations

from aiohttp import web

from api import cadence_views, requests, schemas
from api import requests_cadences as bodies
from api.cadence_edits import drafting, follow_moves
from api.cadence_forms import read_step
from api.editing import given
from api.paging import listed, slice_of
from api.preconditions import require_match, tagged
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from api.schemas_cadences import Step
from scheduler.domain.cadence_form import CadenceForm, StepForm
from scheduler.ledger import cadences
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import Created, within
from scheduler.ledger.step_times import StepTimes, times_of

_STEP = "/v1/cadences/{id}/steps/{step_id:stp_[^/]+}"


@route("GET", "/v1/cadences/{id}/steps", scope="read")
async def list_steps(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[Step]]:
    """The steps of the draft in their order, or backwards with `order=desc`."""
    (form, times), page = await _draft(call), slice_of(call, query)
    made = {place: to_datetime(times.of(step.id)[0]) for place, step in enumerate(form.steps, 1)}
    steps = cadence_views.steps(form, times, call.ids)
    steps = [step for step in steps if page.takes(step.position, made[step.position])]
    steps = (steps[::-1] if page.descending else steps)[: page.limit]

    async def count(created: Created) -> int:
        return sum(within(created, at) for at in made.values())

    return await listed(call, query, steps, [step.position for step in steps], count)


@route("POST", "/v1/cadences/{id}/steps", scope="cadences:write", compares=True, answers=(201,))
async def add_step(call: Call, body: bodies.StepIn) -> Reply[Step]:
    """A new step at `position`, which moves those behind it; without one it comes last. Rules that go to a
    step follow it where it moves."""
    if body.id is not None:
        raise invalid("/id", "invalid", "a new step gets its id; PATCH changes one that is there")
    async with drafting(call, "cadence_step_added") as draft:
        steps = draft.form.steps
        place = _place(body.position or len(steps) + 1, len(steps) + 1)
        step = await read_step(call, draft.edit.on, given(body))
        draft.form.steps = follow_moves(draft.form.steps, [*steps[:place], step, *steps[place:]])
    shown = cadence_views.step(step, place + 1, draft.times, call.ids)
    headers = {"Location": f"{call.request.path}/{shown.id}", **tagged(shown)}
    return Reply(shown, status=201, headers=headers)


@route("POST", "/v1/cadences/{id}/steps/reorder", scope="cadences:write", compares=True)
async def reorder_steps(call: Call, body: bodies.StepOrderIn) -> Reply[schemas.Page[Step]]:
    """Put the steps in another order: each of them once. Rules that go to a step follow it."""
    async with drafting(call, "cadence_steps_reordered") as draft:
        steps = {step.id: step for step in draft.form.steps}
        order: list[StepForm] = []
        for index, text in enumerate(body.ids):
            step = steps.pop(call.ids.read("stp", text) or 0, None)
            if step is None:
                raise invalid(f"/ids/{index}", "not-found", "no step of this draft, or here twice")
            order.append(step)
        if steps:
            raise invalid("/ids", "invalid", f"{len(steps)} steps of the draft are missing")
        draft.form.steps = follow_moves(draft.form.steps, order)
    return Reply(schemas.Page(cadence_views.steps(draft.form, draft.times, call.ids)))


@route("GET", _STEP, scope="read")
async def show_step(call: Call) -> Reply[Step]:
    """One step of the draft."""
    form, times = await _draft(call)
    return Reply(_shown(call, form, times, _index(call, form)))


@route("PATCH", _STEP, scope="cadences:write", if_match=True)
async def change_step(call: Call, body: bodies.StepChange) -> Reply[Step]:
    """Change a step of the draft, or move it to another `position`; `If-Match` is the step's own tag."""
    said = given(body)
    position = said.pop("position", None)
    async with drafting(call, "cadence_step_changed", match="not ours") as draft:
        steps, index = draft.form.steps, _index(call, draft.form)
        require_match(call.request, _shown(call, draft.form, draft.times, index))
        place = index if position is None else _place(position, len(steps))
        step = await read_step(call, draft.edit.on, said, steps[index])
        others = [*steps[:index], *steps[index + 1 :]]
        after = [*others[:place], step, *others[place:]]
        draft.form.steps = follow_moves(steps, after, but=step.id if "routing" in said else 0)
    return Reply(_shown(call, draft.form, draft.times, place))


@route("DELETE", _STEP, scope="cadences:write", if_match=True)
async def remove_step(call: Call) -> web.Response:
    """Take a step out of the draft; `If-Match` is the step's own tag. Rules that went to it lead nowhere
    until they are changed."""
    async with drafting(call, "cadence_step_removed", match="not ours") as draft:
        steps, index = draft.form.steps, _index(call, draft.form)
        require_match(call.request, _shown(call, draft.form, draft.times, index))
        draft.form.steps = follow_moves(steps, [*steps[:index], *steps[index + 1 :]])
    return web.Response(status=204)


async def _draft(call: Call) -> tuple[CadenceForm, StepTimes]:
    row = await cadences.cadence(call.deps.flow.database, call.account_id, call.id("cad"))
    return cadences.draft_of(row), times_of(row)


def _index(call: Call, form: CadenceForm) -> int:
    """Where the step of the path stands. Raises Problem 404."""
    number = call.ids.read("stp", call.request.match_info["step_id"])
    for index, step in enumerate(form.steps):
        if step.id == number:
            return index
    raise Problem("not-found")


def _shown(call: Call, form: CadenceForm, times: StepTimes, index: int) -> Step:
    return cadence_views.step(form.steps[index], index + 1, times, call.ids)


def _place(position: int, most: int) -> int:
    if position > most:
        raise invalid("/position", "out-of-range", f"the last position is {most}")
    return position - 1


ROUTES = (list_steps, add_step, reorder_steps, show_step, change_step, remove_step)
