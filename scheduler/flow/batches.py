"""Batches: made, given another pace while they run, and ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog

from scheduler.clock import Clock
from scheduler.domain.time import MINUTE, Ms
from scheduler.errors import DialwheelError, NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.impact import NOBODY, Impact
from scheduler.flow.pause import until_permits_are_void
from scheduler.flow.respread import foresee, respread
from scheduler.flow.throttle import Pace, Throttle, pace_under, read_throttle
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.news import tell, tell_ended

log = structlog.get_logger()

CHUNK = 10_000
"""Loops ended in one transaction."""

TOPPED_UP_AHEAD_MS: Ms = 10 * MINUTE
"""Lanes that open so soon get their share of a new pace at once; the feeder sees to the others."""

_encode = msgspec.json.Encoder().encode


async def create_batch(
    flow: Flow,
    *,
    account_id: int,
    agent_id: int,
    name: str,
    priority: str,
    throttle: Throttle,
    actor: Actor,
    now_ms: Ms,
    cadence_id: int | None = None,
    dry_run: bool = False,
) -> int | None:
    """A batch without leads; answers its id. `cadence_id`: what its leads follow. With `dry_run` it is only
    tried, and has none. Raises Refused (`state-conflict`) when the name is taken or the agent is not the
    account's."""
    async with rehearsing(flow, dry_run) as on:
        said = _encode(throttle).decode()
        row = await flow.database.fetch_row(
            "batch_create", account_id, agent_id, name, priority, said, to_datetime(now_ms), cadence_id, on=on
        )
        if row is None:
            raise Refused(
                "state-conflict",
                "the account has a batch of that name",
                "names tell batches apart",
                "choose another name, or use that batch",
            )
        batch_id = int(row["batch_id"])
        after = {"name": name, "throttle": msgspec.to_builtins(throttle), "cadence_id": cadence_id}
        await _audit(flow, on, actor, account_id, batch_id, "batch_created", None, after, now_ms)
    return None if dry_run else batch_id


async def change_batch(
    flow: Flow,
    *,
    account_id: int,
    batch_id: int,
    name: str | None,
    throttle: Mapping[str, Any],
    actor: Actor,
    now_ms: Ms,
    most: int = 0,
    dry_run: bool = False,
) -> Impact:
    """Another name, and another pace where `throttle` names a part of it (None lifts that). It holds from the
    next claim on, and what is still to be touched has moved when this returns.

    Answers how first touches move, looking at `most` of them (0: none are looked at). With `dry_run` nothing
    changes but that. Raises NotFound; Refused (`state-conflict`) for a batch that is over or a name that is
    taken.
    """

    async def work(on: Connection) -> tuple[Row, Throttle, Throttle]:
        row = await _locked(flow, account_id, batch_id, on)
        before = read_throttle(row["throttle"])
        after = msgspec.structs.replace(before, **throttle)
        if row["status"] in ("done", "canceled"):
            raise _over()
        said = _encode(after).decode()
        now = to_datetime(now_ms)
        taken = name is not None and name != row["name"]
        if taken and await flow.database.fetch_row("batch_named", account_id, name, on=on):
            raise Refused("state-conflict", "the account has a batch of that name", "", "choose another name")
        if name in (None, row["name"]) and after == before:
            return row, before, after
        await flow.database.execute("batch_change", batch_id, name or row["name"], said, now, on=on)
        changes = ({"name": row["name"], "throttle": msgspec.to_builtins(before)},
                   {"name": name or row["name"], "throttle": msgspec.to_builtins(after)})  # fmt: skip
        await _audit(flow, on, actor, account_id, batch_id, "batch_changed", *changes, now_ms)
        return row, before, after

    if dry_run:
        async with rehearsing(flow, dry_run) as on:
            row, before, after = await work(on)
    else:
        row, before, after = await in_transaction(flow.database, work)
    impact = NOBODY
    paces = [pace_under(throttle, batch_id, flow.spread_ms) for throttle in (before, after)]
    if most and _times(paces[0], now_ms) != _times(paces[1], now_ms):
        impact = await foresee(flow, paces[1], row["agent_id"], now_ms, most=most)
    if after != before and not dry_run:
        await follow_throttle(flow, batch_id, row["agent_id"], before, after, now_ms)
    return impact


async def follow_throttle(
    flow: Flow, batch_id: int, agent_id: int, before: Throttle, after: Throttle, now_ms: Ms
) -> None:
    """Have everything follow a pace that is committed: the gate, the instants of what is still to be
    touched, and how much of it is on the wheel. With the wheel away its rebuild follows the ledger."""
    flow.stock.forget(batch_id)
    try:
        await flow.lanes.shape_batch(batch_id, now_ms)
    except DialwheelError as error:
        log.warning("gate_not_shaped", batch_id=batch_id, why=error.what)
    old, new = (pace_under(throttle, batch_id, flow.spread_ms) for throttle in (before, after))
    if _times(old, now_ms) != _times(new, now_ms):
        await respread(flow, new, agent_id, now_ms)
    try:
        for batch in await flow.stock.batches(batch_id):
            await flow.stock.top_up(batch, now_ms, TOPPED_UP_AHEAD_MS)
    except DialwheelError as error:
        log.warning("batch_not_topped_up", batch_id=batch_id, why=error.what)


def _times(pace: Pace, now_ms: Ms) -> tuple[Ms, Ms, bool]:
    """What of a pace tells when first touches are."""
    return pace.spread.from_ms(now_ms), pace.spread.over_ms, pace.max_per_min is None


async def delete_batch(
    flow: Flow, *, account_id: int, batch_id: int, actor: Actor, now_ms: Ms, dry_run: bool = False
) -> None:
    """Take away a batch that nothing was ever brought into; with `dry_run` it stays. Raises NotFound, Refused
    (`in-use`)."""

    async def work(on: Connection) -> None:
        row = await _locked(flow, account_id, batch_id, on)  # whoever enrols in it keeps it from that
        used = await flow.database.fetch_row("batch_in_use", account_id, batch_id, on=on)
        if used is None or used["used"]:
            raise Refused("in-use", "the batch has leads or files", "they name it", "cancel it instead")
        await flow.database.execute("batch_delete", account_id, batch_id, on=on)
        before = {"name": row["name"], "throttle": msgspec.json.decode(row["throttle"])}
        await _audit(flow, on, actor, account_id, batch_id, "batch_deleted", before, None, now_ms)

    if dry_run:
        async with rehearsing(flow, dry_run) as on:
            await work(on)
        return
    await in_transaction(flow.database, work)
    flow.stock.forget(batch_id)
    await _leave_wheel(flow, account_id, batch_id)


class _Undone(Exception):
    """Ends the transaction of a dry run: it leaves nothing behind."""


@asynccontextmanager
async def rehearsing(flow: Flow, dry_run: bool) -> AsyncIterator[Connection]:
    """A transaction; that of a dry run is taken back at its end."""
    with suppress(_Undone):
        async with flow.database.transaction() as on:
            yield on
            if dry_run:
                raise _Undone


async def cancel_batch(
    flow: Flow, clock: Clock, *, account_id: int, batch_id: int, actor: Actor, permit_s: float
) -> None:
    """End a batch for good; returns when its loops are over and nothing more of it can leave. Calls under way
    end by themselves. Again ends what an earlier cancel did not come to.

    Raises NotFound; Refused (`state-conflict`) for a batch that is done.
    """
    now_ms = clock.now_ms()
    async with flow.database.transaction() as on:
        row = await _locked(flow, account_id, batch_id, on)
        if row["status"] == "done":
            raise _over()
        if row["status"] != "canceled":
            await flow.database.execute("batch_cancel", batch_id, to_datetime(now_ms), on=on)
            await tell(
                flow.database,
                "batch.done",
                account_id,
                ids=[batch_id],
                batch_ids=[batch_id],
                at_ms=now_ms,
                on=on,
                extra={"previous": {"status": row["status"]}},
            )
            changes = ({"status": row["status"]}, {"status": "canceled"})
            await _audit(flow, on, actor, account_id, batch_id, "batch_canceled", *changes, now_ms)
    committed_s = clock.monotonic_s()
    await _leave_wheel(flow, account_id, batch_id)
    await _end_loops(flow, batch_id, now_ms)
    await until_permits_are_void(clock, committed_s, permit_s)
    await _leave_wheel(flow, account_id, batch_id)  # what a claim of before was put back to


async def _leave_wheel(flow: Flow, account_id: int, batch_id: int) -> None:
    """Take lanes and gate off: without a rule a gate lets nothing through. With the wheel away the arm
    refuses what it hands out."""
    shard = account_id % flow.wheel.shards
    lanes = [row["lane_id"] for row in await flow.database.fetch("batch_lanes", batch_id)]
    try:
        await flow.wheel.drop_lanes(shard, lanes)
        await flow.wheel.drop_gates(shard, [f"b:{batch_id}"])
    except DialwheelError as error:
        log.warning("lanes_not_dropped", batch_id=batch_id, why=error.what)


async def _end_loops(flow: Flow, batch_id: int, now_ms: Ms) -> None:
    after, more = 0, True

    async def end(on: Connection) -> list[Row]:
        found = await flow.database.fetch("batch_active", batch_id, after, CHUNK, on=on)
        loops = [row["loop_id"] for row in found]
        await flow.database.execute("batch_end_loops", loops, to_datetime(now_ms), on=on)
        await tell_ended(flow.database, loops, now_ms, on)
        return found

    while more:
        found = await in_transaction(flow.database, end)
        more = len(found) == CHUNK
        after = max((row["loop_id"] for row in found), default=after)


async def _locked(flow: Flow, account_id: int, batch_id: int, on: Connection) -> Row:
    row = await flow.database.fetch_row("batch_lock", account_id, batch_id, on=on)
    if row is None:
        raise NotFound("no such batch")
    return row


def _over() -> Refused:
    return Refused(
        "state-conflict", "the batch is over", "nothing of it is called any more", "make a new batch"
    )


async def _audit(
    flow: Flow,
    on: Connection,
    actor: Actor,
    account_id: int,
    batch_id: int,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    now_ms: Ms,
) -> None:
    await write_audit(
        flow.database,
        on,
        account_id=account_id,
        actor=actor,
        action=action,
        object_=f"batch:{batch_id}",
        before=before,
        after=after,
        now_ms=now_ms,
    )
