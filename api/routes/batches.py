"""Batches: leads enrolled together, with a pace that may change while they are called."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from api import requests, schemas, views
from api.contact_filters import ids_of
from api.instants import utc, utc_ms
from api.lead_targets import cadence_named
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import Problem, invalid
from api.routing import Call, Reply, route
from api.schemas_impact import ChangeQuery, Impact
from api.schemas_windows import Removed
from scheduler.domain.time import DAY, HOUR, Ms
from scheduler.errors import NotFound
from scheduler.flow.batches import cancel_batch, change_batch, create_batch, delete_batch
from scheduler.flow.impact import NOBODY
from scheduler.flow.impact import Impact as Found
from scheduler.flow.pause import until_permits_are_void
from scheduler.flow.throttle import Throttle
from scheduler.ledger import reads
from scheduler.ledger.instants import to_datetime, to_ms

STARTED_AGO_MS: Ms = HOUR
"""A start may lie so far in the past: a request that was long on its way, a clock that is off."""

STARTS_WITHIN_MS: Ms = 366 * DAY
"""What starts later than this is a slip of the pen."""


@route("POST", "/v1/batches", scope="leads:write")
async def create(call: Call, query: ChangeQuery, body: requests.BatchIn) -> Reply[schemas.BatchChanged]:
    """A batch without leads, for imports and single leads that name it; 409 when the name is taken."""
    now_ms, database = call.deps.clock.now_ms(), call.deps.flow.database
    throttle = Throttle(**read_throttle(body.throttle, now_ms, "/throttle/start_at"))
    agent_id = call.ids.read("agt", body.agent_id)
    try:
        await reads.agent(database, call.account_id, agent_id or 0)
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
        now_ms=now_ms,
        cadence_id=None
        if body.cadence_id is None
        else await cadence_named(call.deps.flow, call.ids, call.account_id, body.cadence_id),
        dry_run=query.dry_run,
    )
    if batch_id is None:
        return Reply(_rehearsed(body, throttle, now_ms))
    shown = await _batch(call, batch_id)
    headers = {"Location": f"/v1/batches/{shown.id}", **tagged(shown)}
    return Reply(_changed(shown, NOBODY), status=201, headers=headers)


@route("GET", "/v1/batches", scope="read")
async def list_batches(call: Call, query: requests.BatchesQuery) -> Reply[schemas.Page[schemas.BatchHead]]:
    """The account's batches, oldest first unless `order=desc`; one by one they show their counts."""
    database, agents = call.deps.flow.database, ids_of(call.ids, "agt", query.agent_id)
    narrow: dict[str, Any] = {"statuses": query.status, "agent_ids": agents}
    rows = await reads.batches(database, call.account_id, slice_of(call, query), **narrow)
    heads = [views.batch_head(row, call.ids) for row in rows]
    numbers = [row["batch_id"] for row in rows]
    count = partial(reads.count_batches, database, call.account_id, **narrow)
    return await listed(call, query, heads, numbers, count)


@route("GET", "/v1/batches/{id}", scope="read")
async def show_batch(call: Call) -> Reply[schemas.Batch]:
    """One batch; its counts add up to its leads."""
    return Reply(await _batch(call, call.id("bat")))


@route("PATCH", "/v1/batches/{id}", scope="leads:write")
async def change(call: Call, query: ChangeQuery, body: requests.BatchChange) -> Reply[schemas.BatchChanged]:
    """Another name or another pace; a part of `throttle` that is left out stays, null lifts it.

    The pace holds from the next claim on. Where it changes when first touches are, those still to come have
    moved by the time of the answer. From the answer to a new start on, some two seconds later, nothing of the
    batch is dialled before that.
    """
    now_ms = call.deps.clock.now_ms()
    batch_id = call.id("bat")
    said = body.throttle
    if isinstance(said.start_at, datetime):
        now = (await _batch(call, batch_id)).throttle.start_at
        if now == utc_ms(to_ms(said.start_at)):  # sent back as it was read, or said again
            said = msgspec.structs.replace(said, start_at=msgspec.UNSET)
    throttle = read_throttle(said, now_ms, "/throttle/start_at")
    impact = await change_batch(
        call.deps.flow,
        account_id=call.account_id,
        batch_id=batch_id,
        name=body.name,
        throttle=throttle,
        actor=call.actor,
        now_ms=now_ms,
        most=call.deps.settings.impact_loops,
        dry_run=query.dry_run,
    )
    shown = await _batch(call, batch_id)
    if query.dry_run:
        paced = msgspec.structs.replace(shown.throttle, **_as_shown(throttle))
        shown = msgspec.structs.replace(shown, name=body.name or shown.name, throttle=paced)
    elif "start_at" in throttle or _lies_ahead(body.throttle.start_at, now_ms):
        clock = call.deps.clock
        await until_permits_are_void(clock, clock.monotonic_s(), call.deps.settings.permit_s)
    return Reply(_changed(shown, impact), headers=tagged(shown))


def _lies_ahead(start_at: datetime | msgspec.UnsetType | None, now_ms: Ms) -> bool:
    """Whether calls of before may be on their way still, where this was said a moment ago as well."""
    return isinstance(start_at, datetime) and to_ms(start_at) > now_ms


@route("DELETE", "/v1/batches/{id}", scope="leads:write", answers=(204, 200))
async def delete(call: Call, query: ChangeQuery) -> Reply[Removed]:
    """Take away a batch that nothing was ever brought into; 409 for others: cancel them."""
    await delete_batch(
        call.deps.flow,
        account_id=call.account_id,
        batch_id=call.id("bat"),
        actor=call.actor,
        now_ms=call.deps.clock.now_ms(),
        dry_run=query.dry_run,
    )
    return Reply(Removed(Impact(**msgspec.structs.asdict(NOBODY)), None), 200 if query.dry_run else 204)


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


def _changed(shown: schemas.Batch, impact: Found) -> schemas.BatchChanged:
    return schemas.BatchChanged(
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        impact=Impact(**msgspec.structs.asdict(impact)),
    )


def _rehearsed(body: requests.BatchIn, throttle: Throttle, now_ms: Ms) -> schemas.BatchChanged:
    """A batch that would be made."""
    now = utc(to_datetime(now_ms))
    return schemas.BatchChanged(
        id=None,
        object="batch",
        created_at=now,
        updated_at=now,
        name=body.name,
        priority=body.priority,
        agent_id=body.agent_id,
        cadence_id=body.cadence_id,
        throttle=schemas.Throttle(**_as_shown(msgspec.structs.asdict(throttle))),
        status="running",
        counts=schemas.BatchCounts(0, 0, 0, 0, 0, 0, 0),
        first_touch_done_rate=None,
        impact=Impact(**msgspec.structs.asdict(NOBODY)),
    )


def _as_shown(throttle: dict[str, Any]) -> dict[str, Any]:
    """Its instant as text."""
    start_at = throttle.get("start_at")
    return throttle if start_at is None else {**throttle, "start_at": utc_ms(to_ms(start_at))}


ROUTES = (create, list_batches, show_batch, change, delete, cancel)
