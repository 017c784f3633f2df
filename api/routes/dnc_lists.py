"""Named lists of numbers that are never called."""

from __future__ import annotations

from functools import partial

from api.editing import editing, given
from api.instants import utc
from api.paging import listed, slice_of
from api.problems import FieldError, Problem
from api.requests import ListQuery
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_dnc import DncList, DncListChange, DncListIn
from scheduler.errors import NotFound
from scheduler.flow.dnc import letting_back
from scheduler.ledger import dnc, reads
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds

PIECE = 10_000
"""Numbers taken off a list in one transaction."""


@route("GET", "/v1/dnc/lists", scope="read")
async def list_lists(call: Call, query: ListQuery) -> Reply[Page[DncList]]:
    """The account's lists, oldest first unless `order=desc`."""
    rows = await dnc.lists(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
    )
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "dnc_list")
    shown = [_shown(row, call.ids) for row in rows]
    return await listed(call, query, shown, [row["dnc_list_id"] for row in rows], count)


@route("POST", "/v1/dnc/lists", scope="compliance:write")
async def create(call: Call, body: DncListIn) -> Reply[DncList]:
    """A new list, empty; fill it with POST `/dnc/import` or `/dnc/entries`."""
    database = call.deps.flow.database
    async with editing(call) as edit:
        list_id = await dnc.create_list(
            database, edit.on, call.account_id, body.name, body.source, edit.now_ms
        )
        await edit.tell("dnc_list_created", f"dnc_list:{list_id}", None, given(body))
    made = _shown(await dnc.one_list(database, call.account_id, list_id), call.ids)
    return Reply(made, status=201, headers={"Location": f"/v1/dnc/lists/{made.id}"})


@route("GET", "/v1/dnc/lists/{id}", scope="read")
async def show(call: Call) -> Reply[DncList]:
    """One list and how many numbers it has."""
    row = await dnc.one_list(call.deps.flow.database, call.account_id, call.id("dnl"))
    return Reply(_shown(row, call.ids))


@route("PATCH", "/v1/dnc/lists/{id}", scope="compliance:write")
async def change(call: Call, body: DncListChange) -> Reply[DncList]:
    """Its name, or where its numbers are from."""
    database, list_id = call.deps.flow.database, call.id("dnl")
    async with editing(call) as edit:
        row = await dnc.one_list(database, call.account_id, list_id, edit.on)
        was = {"name": row["name"], "source": row["source"]}
        changes = given(body)
        now = {**was, **changes}
        await dnc.change_list(
            database, edit.on, call.account_id, list_id, now["name"], now["source"], edit.now_ms
        )
        await edit.tell_change(
            "dnc_list_changed", f"dnc_list:{list_id}", {name: was[name] for name in changes}, changes
        )
    return Reply(_shown(await dnc.one_list(database, call.account_id, list_id), call.ids))


@route("DELETE", "/v1/dnc/lists/{id}", scope="compliance:write")
async def remove(call: Call) -> Reply[None]:
    """Remove a list. Numbers that only it had may be called again; people's own word stays."""
    database, list_id = call.deps.flow.database, call.id("dnl")
    row = await dnc.one_list(database, call.account_id, list_id)
    taken, freed, more = 0, 0, True
    while more:
        async with editing(call) as edit:
            phones = await dnc.list_piece(database, edit.on, call.account_id, list_id, PIECE)
            async with letting_back(database, edit.on, call.account_id, phones, edit.now_ms):
                values = (call.account_id, list_id, phones, edit.now_ms)
                piece, loose = await dnc.empty_list(database, edit.on, *values)
            taken, freed, more = taken + piece, freed + loose, len(phones) == PIECE
            if not more:
                before = {"name": row["name"], "entries": taken, "may_be_called_again": freed}
                await dnc.delete_list(database, edit.on, call.account_id, list_id)
                await edit.tell("dnc_list_deleted", f"dnc_list:{list_id}", before, None)
    return Reply(None, status=204)


async def list_named(call: Call, said: str, where: str) -> int:
    """The list with this public id. Raises Problem 422 that points at `where`: a pointer or a parameter."""
    list_id = call.ids.read("dnl", said)
    try:
        row = await dnc.one_list(call.deps.flow.database, call.account_id, list_id or 0)
    except NotFound:
        place = {"pointer": where} if where.startswith("/") else {"parameter": where}
        error = FieldError("not-found", "no such list in this account", **place)
        raise Problem("validation-failed", "no such list in this account", errors=(error,)) from None
    return row["dnc_list_id"]


def _shown(row: Row, ids: PublicIds) -> DncList:
    return DncList(
        id=ids.write("dnl", row["dnc_list_id"]),
        object="dnc_list",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        source=row["source"],
        entries=row["entries"],
    )


ROUTES = (list_lists, create, show, change, remove)
