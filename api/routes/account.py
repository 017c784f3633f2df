"""The key's own account: its settings."""

from __future__ import annotations

from api import schemas, views
from api.routing import Call, Reply, route
from scheduler.ledger import reads


@route("GET", "/v1/account", scope="read")
async def show_account(call: Call) -> Reply[schemas.Account]:
    """The account of the key."""
    return Reply(views.account(await reads.account(call.deps.flow.database, call.account_id), call.ids))


ROUTES = (show_account,)
