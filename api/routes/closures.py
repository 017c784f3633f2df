"""Closures: orders that nobody is called in some regions for some time. They count like law."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from api import requests, schemas
from api.editing import Edit, given
from api.instants import sensible, utc
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import invalid
from api.reaching import Changed, extended, reach
from api.regions import read_regions
from api.routing import Call, Reply, route
from api.schemas_impact import ChangeQuery
from api.schemas_windows import Closure, ClosureChange, ClosureChanged, ClosureIn, Removed
from scheduler.ledger import closed_times, reads
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime
from scheduler.public_ids import PublicIds

PREFIX = "clo"


@route("GET", "/v1/compliance/closures", scope="read")
async def list_closures(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[Closure]]:
    """The account's closures, those that are over too, oldest first unless `order=desc`."""
    database = call.deps.flow.database
    rows = await closed_times.closures(
        database,
        call.account_id,
        slice_of(call, query),
    )
    shown = [_view(row, call.ids) for row in rows]
    numbers = [row["closure_id"] for row in rows]
    count = partial(reads.count_owned, database, call.account_id, "closure")
    return await listed(call, query, shown, numbers, count)


@route("GET", "/v1/compliance/closures/{id}", scope="read")
async def show_closure(call: Call) -> Reply[Closure]:
    """One closure."""
    row = await closed_times.closure(call.deps.flow.database, call.account_id, call.id(PREFIX))
    return Reply(_view(row, call.ids))


@route("POST", "/v1/compliance/closures", scope="compliance:write")
async def create_closure(call: Call, query: ChangeQuery, body: ClosureIn) -> Reply[ClosureChanged]:
    """Close regions. Nobody there is called once this is answered, some two seconds later."""
    database = call.deps.flow.database

    async def change(edit: Edit) -> Changed[Closure]:
        starts_at = body.starts_at or to_datetime(edit.now_ms)
        order = _read(given(body) | {"starts_at": starts_at})
        number = await closed_times.create_closure(
            database,
            edit.on,
            call.account_id,
            order,
            now_ms=edit.now_ms,
            most=call.deps.settings.closures_kept,
        )
        await edit.tell("closure_created", f"closure:{number}", None, _as_said(order))
        row = await closed_times.closure(database, call.account_id, number, edit.on)
        return Changed(_view(row, call.ids), None)

    reached = await reach(call, change, dry_run=query.dry_run)
    shown = extended(ClosureChanged, reached)
    if query.dry_run:
        return Reply(msgspec.structs.replace(shown, id=None))
    return Reply(shown, 201, {"Location": f"/v1/compliance/closures/{shown.id}", **tagged(reached.shown)})


@route("PATCH", "/v1/compliance/closures/{id}", scope="compliance:write")
async def change_closure(call: Call, query: ChangeQuery, body: ClosureChange) -> Reply[ClosureChanged]:
    """Change it; what is left out stays. In force once this is answered, some two seconds later."""
    database, number, said = call.deps.flow.database, call.id(PREFIX), given(body)

    async def change(edit: Edit) -> Changed[Closure]:
        row = await closed_times.lock_closure(database, edit.on, call.account_id, number)
        was = _order(row)
        order = _read(msgspec.structs.asdict(was) | said)
        if _as_said(order) == _as_said(was):
            return Changed(_view(row, call.ids))
        await closed_times.change_closure(database, edit.on, call.account_id, number, order, edit.now_ms)
        await edit.tell("closure_changed", f"closure:{number}", _as_said(was), _as_said(order))
        row = await closed_times.closure(database, call.account_id, number, edit.on)
        return Changed(_view(row, call.ids), None)

    reached = await reach(call, change, dry_run=query.dry_run)
    return Reply(extended(ClosureChanged, reached), headers=tagged(reached.shown))


@route("DELETE", "/v1/compliance/closures/{id}", scope="compliance:write", answers=(200,))
async def lift_closure(call: Call, query: ChangeQuery) -> Reply[Removed]:
    """Calls may be made there again, once this is answered, some two seconds later."""
    database, number = call.deps.flow.database, call.id(PREFIX)

    async def change(edit: Edit) -> Changed[None]:
        row = await closed_times.lock_closure(database, edit.on, call.account_id, number)
        await closed_times.delete_closure(database, edit.on, call.account_id, number)
        await edit.tell("closure_deleted", f"closure:{number}", _as_said(_order(row)), None)
        return Changed(None, None)

    reached = await reach(call, change, dry_run=query.dry_run)
    return Reply(Removed(reached.impact, reached.job))


def _read(said: dict[str, Any]) -> closed_times.Closure:
    """Raises Problem 422 for instants that nobody means, an end before the start, and what is no region."""
    for name in ("starts_at", "ends_at"):
        if not sensible(said[name]):
            raise invalid(f"/{name}", "invalid", "not an instant that anybody means")
    if said["ends_at"] <= said["starts_at"]:
        raise invalid("/ends_at", "invalid", "it ends before it starts", hint="write a later instant")
    regions = read_regions(said["regions"], "/regions")
    return closed_times.Closure(regions, said["starts_at"], said["ends_at"], said["reason"])


def _order(row: Row) -> closed_times.Closure:
    return closed_times.Closure(row["regions"], row["starts_at"], row["ends_at"], row["reason"])


def _as_said(order: closed_times.Closure) -> dict[str, Any]:
    """As the API writes it, and the audit log."""
    return {
        "regions": list(order.regions),
        "starts_at": utc(order.starts_at),
        "ends_at": utc(order.ends_at),
        "reason": order.reason,
    }


def _view(row: Row, ids: PublicIds) -> Closure:
    return Closure(
        id=ids.write(PREFIX, row["closure_id"]),
        object="closure",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        **_as_said(_order(row)),
    )


ROUTES = (list_closures, show_closure, create_closure, change_closure, lift_closure)
