"""Agents: the voices of an account."""

from __future__ import annotations

from api import requests, schemas, views
from api.paging import link_to_next, page, read_cursor
from api.routing import Call, Reply, route
from scheduler.ledger import reads


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
    found = page(
        call.ids, [views.agent(row, call.ids) for row in rows], [row["agent_id"] for row in rows], query.limit
    )
    return Reply(found, headers=link_to_next(call.request, found.next_cursor))


@route("GET", "/v1/agents/{id}", scope="read")
async def show_agent(call: Call) -> Reply[schemas.Agent]:
    """One agent with its dialing settings."""
    row = await reads.agent(call.deps.flow.database, call.account_id, call.id("agt"))
    return Reply(views.agent(row, call.ids))


ROUTES = (list_agents, show_agent)
