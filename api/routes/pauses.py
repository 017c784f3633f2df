"""Stopping and restarting all dialing of the account, of an agent or of a batch."""

from __future__ import annotations

from api import requests, schemas, views, views_settings
from api.routing import Call, Reply, route
from api.schemas_account import Account
from api.schemas_agents import Agent
from scheduler.flow.pause import Scope, pause, resume
from scheduler.ledger import reads


@route("POST", "/v1/account/pause", scope="calls:write", answers=(200,))
async def pause_account(call: Call, body: requests.PauseIn) -> Reply[Account]:
    """Stop all dialing. From its answer on, some two seconds later, nothing is dialled."""
    await _pause(call, Scope("account", call.account_id, call.account_id), body.reason)
    return Reply(await _account(call))


@route("POST", "/v1/account/resume", scope="calls:write", answers=(200,))
async def resume_account(call: Call, body: requests.ResumeIn) -> Reply[Account]:
    """Restart dialing; what came due meanwhile is spread over `spread_over_s`, live leads first."""
    await _resume(call, Scope("account", call.account_id, call.account_id), body)
    return Reply(await _account(call))


@route("POST", "/v1/agents/{id}/pause", scope="calls:write")
async def pause_agent(call: Call, body: requests.HoldIn) -> Reply[Agent]:
    """Stop an agent. From its answer on, some two seconds later, nothing of its is dialled."""
    scope = Scope("agent", call.account_id, call.id("agt"))
    await _pause(call, scope, body.reason)
    return Reply(await _agent(call, scope.id))


@route("POST", "/v1/agents/{id}/resume", scope="calls:write")
async def resume_agent(call: Call, body: requests.ResumeIn) -> Reply[Agent]:
    """Restart an agent; what came due meanwhile is spread over `spread_over_s`, live leads first."""
    scope = Scope("agent", call.account_id, call.id("agt"))
    await _resume(call, scope, body)
    return Reply(await _agent(call, scope.id))


@route("POST", "/v1/batches/{id}/pause", scope="calls:write")
async def pause_batch(call: Call, body: requests.HoldIn) -> Reply[schemas.Batch]:
    """Stop a batch. From its answer on, some two seconds later, nothing of it is dialled."""
    scope = Scope("batch", call.account_id, call.id("bat"))
    await _pause(call, scope, body.reason)
    return Reply(await _batch(call, scope.id))


@route("POST", "/v1/batches/{id}/resume", scope="calls:write")
async def resume_batch(call: Call, body: requests.ResumeIn) -> Reply[schemas.Batch]:
    """Restart a batch; without a pace of its own what came due meanwhile is spread over `spread_over_s`."""
    scope = Scope("batch", call.account_id, call.id("bat"))
    await _resume(call, scope, body)
    return Reply(await _batch(call, scope.id))


async def _pause(call: Call, scope: Scope, reason: str | None) -> None:
    deps = call.deps
    await pause(
        deps.flow, deps.clock, scope, reason=reason, actor=call.actor, permit_s=deps.settings.permit_s
    )


async def _resume(call: Call, scope: Scope, body: requests.ResumeIn) -> None:
    deps = call.deps
    spread = deps.settings.spread_over_s if body.spread_over_s is None else body.spread_over_s
    await resume(deps.flow, deps.clock, scope, spread_over_s=spread, actor=call.actor)


async def _account(call: Call) -> Account:
    return views_settings.account(await reads.account(call.deps.flow.database, call.account_id), call.ids)


async def _agent(call: Call, agent_id: int) -> Agent:
    return views_settings.agent(
        await reads.agent(call.deps.flow.database, call.account_id, agent_id), call.ids
    )


async def _batch(call: Call, batch_id: int) -> schemas.Batch:
    return views.batch(await reads.batch(call.deps.flow.database, call.account_id, batch_id), call.ids)


ROUTES = (pause_account, resume_account, pause_agent, resume_agent, pause_batch, resume_batch)
