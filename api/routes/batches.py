"""Batches: leads enrolled together, with a pace."""

from __future__ import annotations

from api import schemas, views
from api.routing import Call, Reply, route
from scheduler.ledger import reads


@route("GET", "/v1/batches/{id}", scope="read")
async def show_batch(call: Call) -> Reply[schemas.Batch]:
    """One batch; its counts add up to its leads."""
    row = await reads.batch(call.deps.flow.database, call.account_id, call.id("bat"))
    return Reply(views.batch(row, call.ids))


ROUTES = (show_batch,)
