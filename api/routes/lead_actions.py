"""One action on all leads that a filter finds: told beforehand, done by a job."""

from __future__ import annotations

from typing import Any

import msgspec

from api.editing import editing
from api.lead_filters import filter_of_body
from api.lead_targets import not_an_agent, target_named
from api.problems import Problem, invalid
from api.requests_leads import ActionsIn, ActionsQuery
from api.routes.jobs import shown_job
from api.routing import Call, Reply, route
from api.schemas_leads import ActionImpact, ActionsReply
from scheduler.errors import NotFound
from scheduler.flow.lead_actions import Action, check_action
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.jobs import create_job
from scheduler.ledger.leads import LeadFilter, count_leads, page_of_leads
from scheduler.services.lead_actions import KIND, LeadsToDo

EXAMINED = 20_000
"""Leads that are looked at one by one to tell how many an action changes."""

NOBODY = LeadFilter(lead_ids=())


@route("POST", "/v1/leads/actions", scope="leads:write", answers=(202, 200))
async def act_on_many(call: Call, body: ActionsIn, query: ActionsQuery) -> Reply[ActionsReply]:
    """Enrol, pause, resume, remove, tag or prioritize all leads that a filter finds, or those of `ids`.

    202 with the job that does it; with `dry_run=true` 200 and how many leads it would change. Leads that come
    in later are not touched; loops in a call are not paused.
    """
    narrow = await _narrow(call, body)
    action = await _action(call, body, rehearsed=query.dry_run)
    impact = await _impact(call, narrow, action)
    if query.dry_run:
        return Reply(ActionsReply(impact, None))
    until_ms = call.deps.clock.now_ms() + 1  # those of this very instant are meant as well
    todo = LeadsToDo(action, await _impersonal(call, narrow), to_datetime(until_ms))
    async with editing(call) as edit:
        job_id = await create_job(
            call.deps.flow.database,
            account_id=call.account_id,
            kind=KIND,
            args=msgspec.to_builtins(todo),
            total=impact.matched,
            now_ms=edit.now_ms,
            on=edit.on,
        )
        told: dict[str, Any] = {"action": action.name, "leads": impact.matched}
        await edit.tell("leads_acted_on", f"job:{job_id}", None, told)
    job = await shown_job(call, job_id)
    return Reply(ActionsReply(impact, job), status=202, headers={"Location": f"/v1/jobs/{job.id}"})


async def _narrow(call: Call, body: ActionsIn) -> LeadFilter:
    if (body.filter is None) == (body.ids is None):
        raise invalid("/filter", "required", "say which leads: a filter, or ids")
    if body.filter is not None:
        return filter_of_body(call.ids, body.filter) or NOBODY
    numbers = [call.ids.read("lead", one) for one in body.ids or []]
    if None in numbers:
        raise invalid(f"/ids/{numbers.index(None)}", "not-found", "no such lead in this account")
    narrow = LeadFilter(lead_ids=tuple(number for number in numbers if number is not None))
    there = await page_of_leads(call.deps.flow.database, call.account_id, narrow, limit=len(numbers))
    missing = set(numbers) - {place.lead_id for place in there}
    if missing:
        at = next(at for at, number in enumerate(numbers) if number in missing)
        raise invalid(f"/ids/{at}", "not-found", "no such lead in this account")
    return narrow


async def _impersonal(call: Call, narrow: LeadFilter) -> LeadFilter:
    """The filter without what tells who somebody is: a job is kept, and a person may be erased."""
    if narrow.phone is None and narrow.email is None and narrow.external_ids is None:
        return narrow
    found = await page_of_leads(call.deps.flow.database, call.account_id, narrow, limit=EXAMINED)
    return LeadFilter(lead_ids=tuple(place.lead_id for place in found))


async def _action(call: Call, body: ActionsIn, *, rehearsed: bool) -> Action:
    """Raises Problem 422, Refused."""
    args = body.args
    if body.action == "tag":
        if not args.add and not args.remove:
            raise invalid("/args/add", "required", "say which tags to add or to remove")
        return Action("tag", add=tuple(args.add), remove=tuple(args.remove))
    if body.action == "priority":
        if args.priority is None:
            raise invalid("/args/priority", "required", "say which priority: live or bulk")
        return Action("priority", priority=args.priority)
    if body.action != "enrol":
        return Action(body.action)
    try:
        target = await target_named(
            call.deps.flow,
            call.ids,
            call.account_id,
            agent_id=args.agent_id,
            batch_id=args.batch_id,
            cadence_id=args.cadence_id,
        )
    except Problem as problem:
        raise _in_args(problem) from None
    if target.agent_id is None:
        raise invalid("/args/agent_id", "required", "say which agent calls these leads")
    action = Action("enrol", target.agent_id, target.batch_id, target.cadence_id)
    try:
        await check_action(call.deps.flow, call.account_id, action, rehearsed=rehearsed)
    except NotFound:
        raise _in_args(not_an_agent()) from None
    return action


def _in_args(problem: Problem) -> Problem:
    """The problem with its pointers into the arguments."""
    errors = [msgspec.structs.replace(error, pointer=f"/args{error.pointer}") for error in problem.errors]
    return Problem(problem.code, problem.detail, errors=tuple(errors))


async def _impact(call: Call, narrow: LeadFilter, action: Action) -> ActionImpact:
    database = call.deps.flow.database
    looked = await page_of_leads(database, call.account_id, narrow, limit=EXAMINED + 1)
    lead_ids = [place.lead_id for place in looked[:EXAMINED]]
    row = await database.fetch_row(
        "lead_would_change", call.account_id, lead_ids, action.name, action.priority, list(action.add),
        list(action.remove),
    )  # fmt: skip
    assert row is not None
    changes, examined, more = row["changes"], len(lead_ids), len(looked) > EXAMINED
    if not more:
        return ActionImpact(examined, changes, examined, False)
    matched = await count_leads(database, call.account_id, narrow)
    return ActionImpact(matched, round(changes * matched / examined), examined, True)


ROUTES = (act_on_many,)
