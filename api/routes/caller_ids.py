"""Caller ids: the numbers that calls show, each with its daily cap and its rests."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from api import requests, schemas, views_outgoing
from api import schemas_outgoing as outgoing
from api.editing import editing, given, in_force, parts
from api.paging import listed, slice_of
from api.problems import invalid
from api.routing import Call, Reply, route
from scheduler.domain.localtime import day_of
from scheduler.domain.numbers import BadNumber, normalize, place_of
from scheduler.domain.places import find_region
from scheduler.flow.entries import DETAILS
from scheduler.ledger import caller_ids, reads


@route("GET", "/v1/caller-ids", scope="read")
async def list_caller_ids(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[outgoing.CallerId]]:
    """The account's caller ids with their use today, oldest first unless `order=desc`."""
    rows = await caller_ids.caller_ids(
        call.deps.flow.database,
        call.account_id,
        await _today(call),
        slice_of(call, query),
    )
    shown = [views_outgoing.caller_id(row, call.ids) for row in rows]
    numbers = [row["caller_id_id"] for row in rows]
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "caller_id")
    return await listed(call, query, shown, numbers, count)


@route("POST", "/v1/caller-ids", scope="calls:write")
async def create_caller_id(call: Call, body: outgoing.CallerIdIn) -> Reply[outgoing.CallerId]:
    """A new number; it is shown once it is in the pool of an agent."""
    try:
        phone = normalize(body.phone)
    except BadNumber as error:
        raise invalid("/phone", error.code, DETAILS[error.code]) from None
    fields = given(body) | {
        "daily_cap": body.daily_cap or call.deps.settings.caller_id_daily_cap,
        "region": _region(body.region) or _own_region(phone),
    }
    del fields["phone"]
    async with editing(call) as edit:
        caller_id_id = await caller_ids.create_caller_id(
            call.deps.flow.database,
            edit.on,
            account_id=call.account_id,
            phone=phone,
            now_ms=edit.now_ms,
            **fields,
        )
        await edit.tell("caller_id_created", f"caller_id:{caller_id_id}", None, fields)
    made = await _caller_id(call, caller_id_id)
    return Reply(made, status=201, headers={"Location": f"/v1/caller-ids/{made.id}"})


@route("GET", "/v1/caller-ids/{id}", scope="read")
async def show_caller_id(call: Call) -> Reply[outgoing.CallerId]:
    """One caller id with its use today."""
    return Reply(await _caller_id(call, call.id("cid")))


@route("PATCH", "/v1/caller-ids/{id}", scope="calls:write")
async def change_caller_id(call: Call, body: outgoing.CallerIdChange) -> Reply[outgoing.CallerId]:
    """Change its cap, rest, region or status; in force once this is answered, some two seconds later."""
    caller_id_id, changes = call.id("cid"), given(body)
    if changes.get("region") is not None:
        changes["region"] = _region(changes["region"])
    async with editing(call) as edit:
        was = await caller_ids.change_caller_id(
            call.deps.flow.database, edit.on, call.account_id, caller_id_id, changes, edit.now_ms
        )
        await edit.tell_change("caller_id_changed", f"caller_id:{caller_id_id}", parts(was, changes), changes)
    if was["caller_id_pool_id"] is not None:
        pools = [was["caller_id_pool_id"]]
        await in_force(call, edit, call.deps.flow.lanes.gates.shape(edit.now_ms, pools=pools))
    return Reply(await _caller_id(call, caller_id_id))


@route("DELETE", "/v1/caller-ids/{id}", scope="calls:write")
async def delete_caller_id(call: Call) -> web.Response:
    """Remove a number that is in no pool."""
    caller_id_id = call.id("cid")
    async with editing(call) as edit:
        was = await caller_ids.delete_caller_id(
            call.deps.flow.database, edit.on, call.account_id, caller_id_id
        )
        await edit.tell("caller_id_deleted", f"caller_id:{caller_id_id}", {"phone": was}, None)
    return web.Response(status=204)


async def _caller_id(call: Call, caller_id_id: int) -> outgoing.CallerId:
    row = await caller_ids.caller_id(
        call.deps.flow.database, call.account_id, caller_id_id, await _today(call)
    )
    return views_outgoing.caller_id(row, call.ids)


async def _today(call: Call) -> int:
    """The account's local day."""
    account = await reads.account(call.deps.flow.database, call.account_id)
    return day_of(account["timezone"], call.deps.clock.now_ms())


def _region(said: str | None) -> str | None:
    if said is None:
        return None
    region = find_region(said)
    if region is None:
        raise invalid("/region", "invalid", "not a region that is known", hint="such as US-NY, CA-ON or GB")
    return region


def _own_region(phone: str) -> str | None:
    """The region that the number itself tells, if it tells one."""
    regions = place_of(phone).regions
    return regions[0] if len(regions) == 1 else None


ROUTES = (list_caller_ids, create_caller_id, show_caller_id, change_caller_id, delete_caller_id)
