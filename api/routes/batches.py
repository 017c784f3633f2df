"""Batches: leads enrolled together, with a pace that may change while they are called."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from api import requests, schemas, views
from api.instants import utc_ms
from api.lead_targets import cadence_named
from api.paging import listed, read_cursor
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from scheduler.domain.time import DAY, HOUR, Ms
from scheduler.errors import NotFound
from scheduler.flow.batches import cancel_batch, change_batch, create_batch
from scheduler.flow.pause import until_permits_are_void
from scheduler.flow.throttle import Throttle
from scheduler.ledger import reads
from scheduler.ledger.instants import to_ms

STARTED_AGO_MS: Ms = HOUR
"""A start may lie so far in the past: a request that was long on its way, a clock that is off."""

STARTS_WITHIN_MS: Ms = 366 * DAY
"""What starts later than this is a slip of the pen."""


@route("POST", "/v1/batches", scope="leads:write")
async def create(call: Call, body: requests.BatchIn) -> Reply[schemas.Batch]:
    """A batch without leads, for imports and single leads that name it; 409 when the name is taken."""
    throttle = Throttle(**read_throttle(body.throttle, call.deps.clock.now_ms(), "/throttle/start_at"))
    agent_id = call.ids.read("agt", body.agent_id)
    try:
        await reads.agent(call.deps.flow.database, call.account_id, agent_id or 0)
    except NotFound:
        raise invalid("/agent_id", "not-found", "no such agent in this account") from None
    batch_id = await create_batch(
        call.deps.flow,
        account_id=call.account_id,
        agent_id=agent_id or 0,
        name=body.name,
        priority=body.priority,
        throttle=throttle,
        actor=call.actor,
        now_ms=call.deps.clock.now_ms(),
        cadence_id=None
        if body.cadence_id is None
        else await cadence_named(call.deps.flow, call.ids, call.account_id, body.cadence_id),
    )
    shown = await _batch(call, batch_id)
    return Reply(shown, status=201, headers={"Location": f"/v1/batches/{shown.id}"})


@route("GET", "/v1/batches", scope="read")
async def list_batches(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[schemas.BatchHead]]:
    """The account's batches, oldest first unless `order=desc`; one by one they show their counts."""
    rows = await reads.batches(
        call.deps.flow.database,
        call.account_id,
        after=read_cursor(call.ids, query.cursor),
        descending=query.order == "desc",
        limit=query.limit + 1,
    )
    heads = [views.batch_head(row, call.ids) for row in rows]
    numbers = [row["batch_id"] for row in rows]
    count = partial(reads.count_owned, call.deps.flow.database, call.account_id, "batch")
    return await listed(call, query, heads, numbers, count)


@route("GET", "/v1/batches/{id}", scope="read")
async def show_batch(call: Call) -> Reply[schemas.Batch]:
    """One batch; its counts add up to its leads."""
    return Reply(await _batch(call, call.id("bat")))


@route("PATCH", "/v1/batches/{id}", scope="leads:write")
async def change(call: Call, body: requests.BatchChange) -> Reply[schemas.Batch]:
    """Another name or another pace; a part of `throttle` that is left out stays, null lifts it.

    The pace holds from the next claim on. Where it changes when first touches are, those still to come have
    moved by the time of the answer. From the answer to a new start on, some two seconds later, nothing of the
    batch is dialled before that.
    """
    now_ms = call.deps.clock.now_ms()
    batch_id = call.id("bat")
    throttle = read_throttle(body.throttle, now_ms, "/throttle/start_at")
    await change_batch(
        call.deps.flow,
        account_id=call.account_id,
        batch_id=batch_id,
        name=body.name,
        throttle=throttle,
        actor=call.actor,
        now_ms=now_ms,
    )
    if "start_at" in throttle:
        clock = call.deps.clock
        await until_permits_are_void(clock, clock.monotonic_s(), call.deps.settings.permit_s)
    return Reply(await _batch(call, batch_id))


@route("POST", "/v1/batches/{id}/cancel", scope="calls:write")
async def cancel(call: Call) -> Reply[schemas.Batch]:
    """End the batch for good: what is planned is removed; from the answer on nothing of it is dialled."""
    batch_id = call.id("bat")
    await cancel_batch(
        call.deps.flow,
        call.deps.clock,
        account_id=call.account_id,
        batch_id=batch_id,
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )
    return Reply(await _batch(call, batch_id))


def read_throttle(said: requests.ThrottleIn, now_ms: Ms, pointer: str) -> dict[str, Any]:
    """What a throttle states, by name. Raises Problem 422 at `pointer` for a start that nobody can mean."""
    stated = {
        name: value for name, value in msgspec.structs.asdict(said).items() if value is not msgspec.UNSET
    }
    check_start(stated.get("start_at"), now_ms, invalid(pointer, "out-of-range", start_bounds(now_ms)))
    return stated


def check_start(start_at: datetime | None, now_ms: Ms, problem: Problem) -> None:
    """Raise `problem` for a start too long ago or too far ahead."""
    if start_at is not None and not -STARTED_AGO_MS <= to_ms(start_at) - now_ms <= STARTS_WITHIN_MS:
        raise problem


def start_bounds(now_ms: Ms) -> str:
    """Which starts are taken now, in words."""
    return f"a start between {utc_ms(now_ms - STARTED_AGO_MS)} and {utc_ms(now_ms + STARTS_WITHIN_MS)}"


async def _batch(call: Call, batch_id: int) -> schemas.Batch:
    return views.batch(await reads.batch(call.deps.flow.database, call.account_id, batch_id), call.ids)


ROUTES = (create, list_batches, show_batch, change, cancel)
