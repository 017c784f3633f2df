"""Pools of caller ids: which numbers an agent's calls may show, and how one is chosen for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aiohttp import web

from api import requests, schemas, views_outgoing
from api import schemas_outgoing as outgoing
from api.editing import editing, given, in_force, off_the_wheel
from api.paging import listed, slice_of
from api.problems import invalid
from api.routing import Call, Reply, route
from scheduler.domain.caller_ids import budget
from scheduler.ledger import caller_ids, reads
from scheduler.ledger.database import Row


@route("GET", "/v1/caller-id-pools", scope="read")
async def list_pools(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[outgoing.Pool]]:
    """The account's pools with what each may still dial today, oldest first unless `order=desc`."""
    rows = await caller_ids.pools(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
    )
    shown = await _shown(call, rows)
    numbers = [row["caller_id_pool_id"] for row in rows]
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "caller_id_pool")
    return await listed(call, query, shown, numbers, count)


@route("POST", "/v1/caller-id-pools", scope="calls:write")
async def create_pool(call: Call, body: outgoing.PoolIn) -> Reply[outgoing.Pool]:
    """A new pool; its `caller_ids` are in no other one."""
    numbers = _numbers(call, body.caller_ids)
    async with editing(call) as edit:
        pool_id = await caller_ids.create_pool(
            call.deps.flow.database,
            edit.on,
            account_id=call.account_id,
            name=body.name,
            strategy=body.strategy,
            caller_id_ids=numbers,
            now_ms=edit.now_ms,
        )
        await edit.tell("caller_id_pool_created", f"caller_id_pool:{pool_id}", None, given(body))
    made = await _pool(call, pool_id)
    return Reply(made, status=201, headers={"Location": f"/v1/caller-id-pools/{made.id}"})


@route("GET", "/v1/caller-id-pools/{id}", scope="read")
async def show_pool(call: Call) -> Reply[outgoing.Pool]:
    """One pool with its numbers in order, and what it may still dial today."""
    return Reply(await _pool(call, call.id("cip")))


@route("PATCH", "/v1/caller-id-pools/{id}", scope="calls:write")
async def change_pool(call: Call, body: outgoing.PoolChange) -> Reply[outgoing.Pool]:
    """Change its name, strategy or numbers (all of them, in order); in force once this is answered, some two
    seconds later.
    """
    pool_id, changes = call.id("cip"), given(body)
    numbers = _numbers(call, changes["caller_ids"]) if "caller_ids" in changes else None
    async with editing(call) as edit:
        database = call.deps.flow.database
        before = await _pool(call, pool_id)
        await caller_ids.change_pool(database, edit.on, call.account_id, pool_id, changes, edit.now_ms)
        if numbers is not None:
            await caller_ids.fill_pool(database, edit.on, call.account_id, pool_id, numbers)
        was = {name: getattr(before, name) for name in changes}
        await edit.tell_change("caller_id_pool_changed", f"caller_id_pool:{pool_id}", was, changes)
    await in_force(call, edit, call.deps.flow.lanes.gates.shape(edit.now_ms, pools=[pool_id]))
    return Reply(await _pool(call, pool_id))


@route("DELETE", "/v1/caller-id-pools/{id}", scope="calls:write")
async def delete_pool(call: Call) -> web.Response:
    """Remove a pool that no agent uses; its numbers stay."""
    pool_id = call.id("cip")
    async with editing(call) as edit:
        name = await caller_ids.delete_pool(call.deps.flow.database, edit.on, call.account_id, pool_id)
        await edit.tell("caller_id_pool_deleted", f"caller_id_pool:{pool_id}", {"name": name}, None)
    await off_the_wheel(call, f"c:{pool_id}")
    return web.Response(status=204)


async def _pool(call: Call, pool_id: int) -> outgoing.Pool:
    [shown] = await _shown(call, [await caller_ids.pool(call.deps.flow.database, call.account_id, pool_id)])
    return shown


async def _shown(call: Call, rows: Sequence[Row]) -> list[outgoing.Pool]:
    now_ms = call.deps.clock.now_ms()
    pool_ids = [row["caller_id_pool_id"] for row in rows]
    today = {
        pool.pool_id: budget(pool.strategy, pool.numbers, now_ms, pool.ends_ms)
        for pool in await caller_ids.pools_today(call.deps.flow.database, pool_ids, now_ms)
    }
    return [views_outgoing.pool(row, today[row["caller_id_pool_id"]], call.ids) for row in rows]


def _numbers(call: Call, said: Sequence[str]) -> list[int]:
    """The rows behind public ids. Raises Problem 422 for what is none, and for one that comes twice."""
    numbers: list[int] = []
    for position, text in enumerate(said):
        number = call.ids.read("cid", text)
        if number is None:
            raise invalid(f"/caller_ids/{position}", "not-found", "no such caller id in this account")
        if number in numbers:
            raise invalid(f"/caller_ids/{position}", "repeated", "a caller id is in a pool once")
        numbers.append(number)
    return numbers


ROUTES = (list_pools, create_pool, show_pool, change_pool, delete_pool)
