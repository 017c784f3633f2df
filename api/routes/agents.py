"""Agents: the voices of an account, and how each dials."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from api import requests, schemas
from api import views_settings as views
from api.auto_dialers import merged
from api.editing import Edit, given
from api.paging import listed, slice_of
from api.preconditions import require_match, tagged
from api.problems import invalid
from api.reaching import Changed, Reached, extended, reach
from api.routes.account import read_zone
from api.routing import Call, Reply, route
from api.schemas_agents import Agent, AgentChange, AgentChanged, AgentIn, AutoDialerIn
from api.schemas_impact import ChangeQuery
from api.schemas_windows import Removed
from api.weeks import read_week
from scheduler.errors import NotFound
from scheduler.flow.policies import read_dialer
from scheduler.ledger import caller_ids, dialing_settings, reads, trunks
from scheduler.ledger.accounts import create_agent
from scheduler.ledger.database import Row

MOVING = {"voice", "timezone", "windows", "auto_dialer"}
"""Settings that decide when calls are."""

ROUTES_OUT = {"trunk_id": ("trk", trunks.trunk), "caller_id_pool_id": ("cip", caller_ids.pool)}


@route("GET", "/v1/agents", scope="read")
async def list_agents(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[Agent]]:
    """The account's agents, oldest first unless `order=desc`."""
    rows = await reads.agents(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
    )
    shown = [views.agent(row, call.ids) for row in rows]
    numbers = [row["agent_id"] for row in rows]
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "agent")
    return await listed(call, query, shown, numbers, count)


@route("POST", "/v1/agents", scope="calls:write")
async def create(call: Call, query: ChangeQuery, body: AgentIn) -> Reply[AgentChanged]:
    """A new agent; leads are called by it once they name it. 409 when the name is taken."""
    database = call.deps.flow.database
    said = await _read(call, given(body))

    async def change(edit: Edit) -> Changed[Agent]:
        dialer = await merged(call, edit.on, None, body.auto_dialer)
        agent_id = await create_agent(
            database,
            account_id=call.account_id,
            name=said["name"],
            auto_dialer=msgspec.to_builtins(dialer),
            now_ms=edit.now_ms,
            voice=said["voice"],
            timezone=said["timezone"],
            windows=said["windows"],
            on=edit.on,
        )
        routes = {name: said[name] for name in ROUTES_OUT}
        if any(routes.values()):
            await dialing_settings.change_agent(
                database, edit.on, call.account_id, agent_id, routes, edit.now_ms
            )
        row = await dialing_settings.lock_agent(database, edit.on, call.account_id, agent_id)
        await edit.tell("agent_created", f"agent:{agent_id}", None, _told(row))
        return Changed(views.agent(row, call.ids))

    reached = await reach(call, change, dry_run=query.dry_run)
    if query.dry_run:
        return Reply(msgspec.structs.replace(extended(AgentChanged, reached), id=None))
    headers = {"Location": f"/v1/agents/{reached.shown.id}", **tagged(reached.shown)}
    return Reply(extended(AgentChanged, reached), status=201, headers=headers)


@route("GET", "/v1/agents/{id}", scope="read")
async def show_agent(call: Call) -> Reply[Agent]:
    """One agent with its dialing settings."""
    row = await reads.agent(call.deps.flow.database, call.account_id, call.id("agt"))
    return Reply(views.agent(row, call.ids))


@route("PATCH", "/v1/agents/{id}", scope="calls:write", if_match=True)
async def change_agent(call: Call, query: ChangeQuery, body: AgentChange) -> Reply[AgentChanged]:
    """Change settings, or what its calls go out by (null for none); what is left out stays. Needs `If-Match`.
    In force once this is answered, some two seconds later."""
    said = given(body)
    dialer = said.pop("auto_dialer", None)
    reached = await change_settings(
        call, call.id("agt"), await _read(call, said), dialer, dry_run=query.dry_run
    )
    return Reply(extended(AgentChanged, reached), headers=tagged(reached.shown))


@route("DELETE", "/v1/agents/{id}", scope="calls:write", answers=(204, 200), compares=True)
async def delete_agent(call: Call, query: ChangeQuery) -> Reply[Removed]:
    """Take an agent away; 409 while leads are called by it. What it did stays told."""
    agent_id, database = call.id("agt"), call.deps.flow.database

    async def change(edit: Edit) -> Changed[None]:
        row = await dialing_settings.lock_agent(database, edit.on, call.account_id, agent_id)
        require_match(call.request, views.agent(row, call.ids), needed=False)
        await dialing_settings.delete_agent(database, edit.on, call.account_id, agent_id, edit.now_ms)
        await edit.tell("agent_deleted", f"agent:{agent_id}", _told(row), None)
        return Changed(None)

    reached = await reach(call, change, dry_run=query.dry_run)
    return Reply(Removed(reached.impact, reached.job), 200 if query.dry_run else 204)


async def change_settings(
    call: Call,
    agent_id: int,
    said: dict[str, Any],
    dialer: AutoDialerIn | None = None,
    *,
    dry_run: bool,
    tag_for: Callable[[Row], Awaitable[Any]] | None = None,
) -> Reached[Agent]:
    """Set what `said` names, as the ledger keeps it, and what `dialer` names of the dialing settings.

    `tag_for`: what of the agent's row `If-Match` names, if not the agent.
    """
    database, routed = call.deps.flow.database, False

    async def change(edit: Edit) -> Changed[Agent]:
        nonlocal routed
        row = await dialing_settings.lock_agent(database, edit.on, call.account_id, agent_id)
        require_match(call.request, views.agent(row, call.ids) if tag_for is None else await tag_for(row))
        was, wanted = _told(row), dict(said)
        if dialer is not None:
            after = await merged(call, edit.on, read_dialer(row["auto_dialer"]), dialer)
            wanted["auto_dialer"] = msgspec.to_builtins(after)
        changes = {name: value for name, value in wanted.items() if was[name] != value}
        if not changes:
            return Changed(views.agent(row, call.ids))
        routed = bool(ROUTES_OUT.keys() & changes.keys())
        await dialing_settings.change_agent(
            database, edit.on, call.account_id, agent_id, changes, edit.now_ms
        )
        before = {name: was[name] for name in changes}
        await edit.tell("agent_changed", f"agent:{agent_id}", before, changes)
        row = await dialing_settings.lock_agent(database, edit.on, call.account_id, agent_id)
        moves = routed or bool(MOVING & changes.keys())
        return Changed(views.agent(row, call.ids), (agent_id,) if moves else ())

    async def shape(edit: Edit) -> None:
        if routed:
            await call.deps.flow.lanes.reroute([agent_id], edit.now_ms)

    return await reach(call, change, dry_run=dry_run, shape=shape)


async def _read(call: Call, said: dict[str, Any]) -> dict[str, Any]:
    """What is said as the ledger keeps it, but for the dialing settings. Raises Problem 422."""
    read = {name: value for name, value in said.items() if name != "auto_dialer"}
    if read.get("timezone") is not None:
        read["timezone"] = read_zone(read["timezone"], "/timezone")
    if read.get("windows") is not None:
        read["windows"] = read_week(read["windows"], "/windows")
    for name, (prefix, find) in ROUTES_OUT.items():
        if read.get(name) is not None:
            number = call.ids.read(prefix, read[name]) or 0
            try:
                await find(call.deps.flow.database, call.account_id, number)
            except NotFound as error:
                raise invalid(f"/{name}", "not-found", f"{error.what} in this account") from None
            read[name] = number
    return read


def _told(row: Row) -> dict[str, Any]:
    """The settings as the ledger keeps them, for comparing and for the audit log."""
    windows = row["windows"]
    return {
        "name": row["name"],
        "voice": row["voice"],
        "timezone": row["timezone"],
        "windows": None if windows is None else msgspec.to_builtins(views.show_week(windows)),
        "auto_dialer": msgspec.to_builtins(read_dialer(row["auto_dialer"])),
        "trunk_id": row["trunk_id"],
        "caller_id_pool_id": row["caller_id_pool_id"],
    }


ROUTES = (list_agents, create, show_agent, change_agent, delete_agent)
