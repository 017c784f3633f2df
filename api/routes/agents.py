"""Agents: the voices of an account."""

from __future__ import annotations

from functools import partial
from typing import Any

from api import requests, schemas, views
from api import schemas_outgoing as outgoing
from api.editing import editing, given, in_force, parts
from api.paging import listed, read_cursor
from api.preconditions import require_match
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from scheduler.errors import NotFound
from scheduler.ledger import caller_ids, reads, trunks


@route("GET", "/v1/agents", scope="read")
async def list_agents(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[schemas.Agent]]:
    """The account's agents, oldest first unless `order=desc`."""
    rows = await reads.agents(
        call.deps.flow.database,
        call.account_id,
        after=read_cursor(call.ids, query.cursor),
        descending=query.order == "desc",
        limit=query.limit + 1,
    )
    numbers = [row["agent_id"] for row in rows]
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "agent")
    return await listed(call, query, [views.agent(row, call.ids) for row in rows], numbers, count)


@route("GET", "/v1/agents/{id}", scope="read")
async def show_agent(call: Call) -> Reply[schemas.Agent]:
    """One agent with its dialing settings."""
    row = await reads.agent(call.deps.flow.database, call.account_id, call.id("agt"))
    return Reply(views.agent(row, call.ids))


@route("PATCH", "/v1/agents/{id}", scope="calls:write")
async def change_agent(call: Call, body: outgoing.AgentChange) -> Reply[schemas.Agent]:
    """Set what its calls go out by: a trunk, a pool of caller ids; null for none. Needs `If-Match`. In force
    once this is answered, some two seconds later."""
    agent_id, database = call.id("agt"), call.deps.flow.database
    row = await reads.agent(database, call.account_id, agent_id)
    require_match(call.request, views.agent(row, call.ids))
    changes = await _route(call, given(body))
    async with editing(call) as edit:
        was = await trunks.reroute_agent(
            database, edit.on, call.account_id, agent_id, row["policy_version"], changes, edit.now_ms
        )
        if was is None:
            raise Problem("version-stale")
        await edit.tell("agent_rerouted", f"agent:{agent_id}", parts(was, changes), changes)
    await in_force(call, edit, call.deps.flow.lanes.reroute([agent_id], edit.now_ms))
    return Reply(views.agent(await reads.agent(database, call.account_id, agent_id), call.ids))


async def _route(call: Call, said: dict[str, Any]) -> dict[str, int | None]:
    """The rows behind the ids. Raises Problem 422 for what is none of the account's."""
    changes: dict[str, int | None] = {}
    for name, prefix, read in (
        ("trunk_id", "trk", trunks.trunk),
        ("caller_id_pool_id", "cip", caller_ids.pool),
    ):
        if name not in said:
            continue
        changes[name] = number = None if said[name] is None else call.ids.read(prefix, said[name])
        if said[name] is not None:
            try:
                await read(call.deps.flow.database, call.account_id, number or 0)
            except NotFound as error:
                raise invalid(f"/{name}", "not-found", f"{error.what} in this account") from None
    return changes


ROUTES = (list_agents, show_agent, change_agent)
