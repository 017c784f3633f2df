"""Attempts: single contacts, under way or over."""

from __future__ import annotations

from api import schemas, views
from api.routing import Call, Reply, route
from scheduler.ledger import reads


@route("GET", "/v1/attempts/{id}", scope="read")
async def show_attempt(call: Call) -> Reply[schemas.Attempt]:
    """One attempt with its outcome and why it was made when it was made."""
    row = await reads.attempt(call.deps.flow.database, call.account_id, call.id("att"))
    return Reply(views.attempt(row, views.zone_of(row), call.ids))


ROUTES = (show_attempt,)
