"""The key's own account: its settings, and stopping and restarting all its dialing."""

from __future__ import annotations

from api import requests, schemas, views
from api.routing import Call, Reply, route
from scheduler.flow.pause import pause_account, resume_account
from scheduler.ledger import reads


@route("GET", "/v1/account", scope="read")
async def show_account(call: Call) -> Reply[schemas.Account]:
    """The account of the key."""
    return Reply(await _account(call))


@route("POST", "/v1/account/pause", scope="calls:write")
async def pause(call: Call, body: requests.PauseIn) -> Reply[schemas.Account]:
    """Stop all dialing. From its answer on, some two seconds later, nothing is dialled."""
    await pause_account(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        reason=body.reason,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(await _account(call))


@route("POST", "/v1/account/resume", scope="calls:write")
async def resume(call: Call, body: requests.ResumeIn) -> Reply[schemas.Account]:
    """Restart dialing; what came due meanwhile is spread over `spread_over_s`, live leads first."""
    spread = call.deps.settings.spread_over_s if body.spread_over_s is None else body.spread_over_s
    await resume_account(
        call.deps.flow, call.deps.clock, account_id=call.account_id, spread_over_s=spread, actor=call.actor
    )
    return Reply(await _account(call))


async def _account(call: Call) -> schemas.Account:
    return views.account(await reads.account(call.deps.flow.database, call.account_id), call.ids)


ROUTES = (show_account, pause, resume)
