"""Trunks: lines to the network with limits of their own, which agents share."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from api import requests, schemas, views_outgoing
from api import schemas_outgoing as outgoing
from api.editing import editing, given, in_force, off_the_wheel, parts
from api.paging import listed, slice_of
from api.routing import Call, Reply, route
from scheduler.ledger import reads, trunks


@route("GET", "/v1/trunks", scope="read")
async def list_trunks(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[outgoing.Trunk]]:
    """The account's trunks, oldest first unless `order=desc`."""
    rows = await trunks.trunks(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
    )
    shown = [views_outgoing.trunk(row, call.ids) for row in rows]
    numbers = [row["trunk_id"] for row in rows]
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "trunk")
    return await listed(call, query, shown, numbers, count)


@route("POST", "/v1/trunks", scope="calls:write")
async def create_trunk(call: Call, body: outgoing.TrunkIn) -> Reply[outgoing.Trunk]:
    """A new trunk; agents go out by it once they name it."""
    fields = given(body)
    async with editing(call) as edit:
        trunk_id = await trunks.create_trunk(
            call.deps.flow.database, edit.on, account_id=call.account_id, now_ms=edit.now_ms, **fields
        )
        await edit.tell("trunk_created", f"trunk:{trunk_id}", None, fields)
    made = await _trunk(call, trunk_id)
    return Reply(made, status=201, headers={"Location": f"/v1/trunks/{made.id}"})


@route("GET", "/v1/trunks/{id}", scope="read")
async def show_trunk(call: Call) -> Reply[outgoing.Trunk]:
    """One trunk with its limits."""
    return Reply(await _trunk(call, call.id("trk")))


@route("PATCH", "/v1/trunks/{id}", scope="calls:write")
async def change_trunk(call: Call, body: outgoing.TrunkChange) -> Reply[outgoing.Trunk]:
    """Change its name, limits or pause; in force once this is answered, some two seconds later."""
    trunk_id, changes = call.id("trk"), given(body)
    async with editing(call) as edit:
        was = await trunks.change_trunk(
            call.deps.flow.database, edit.on, call.account_id, trunk_id, changes, edit.now_ms
        )
        await edit.tell_change("trunk_changed", f"trunk:{trunk_id}", parts(was, changes), changes)
    await in_force(call, edit, call.deps.flow.lanes.gates.shape(edit.now_ms, trunks=[trunk_id]))
    return Reply(await _trunk(call, trunk_id))


@route("DELETE", "/v1/trunks/{id}", scope="calls:write")
async def delete_trunk(call: Call) -> web.Response:
    """Remove a trunk that no agent uses."""
    trunk_id = call.id("trk")
    async with editing(call) as edit:
        name = await trunks.delete_trunk(call.deps.flow.database, edit.on, call.account_id, trunk_id)
        await edit.tell("trunk_deleted", f"trunk:{trunk_id}", {"name": name}, None)
    await off_the_wheel(call, f"t:{trunk_id}")
    return web.Response(status=204)


async def _trunk(call: Call, trunk_id: int) -> outgoing.Trunk:
    return views_outgoing.trunk(
        await trunks.trunk(call.deps.flow.database, call.account_id, trunk_id), call.ids
    )


ROUTES = (list_trunks, create_trunk, show_trunk, change_trunk, delete_trunk)
