"""The wheel in numbers."""

from __future__ import annotations

from datetime import timedelta

from api import schemas
from api.deps import Deps
from api.instants import utc
from api.routing import Call, Reply, route
from scheduler.ledger.instants import EPOCH


@route("GET", "/v1/wheel", scope="read")
async def show_wheel(call: Call) -> Reply[schemas.Wheel]:
    """Depth, what is overdue and what is under way, over all accounts of this installation."""
    shards = await depths(call.deps)
    wheel = schemas.Wheel(
        object="wheel",
        at=utc(EPOCH + timedelta(milliseconds=call.deps.clock.now_ms())),
        depth=sum(shard.depth for shard in shards),
        held=sum(shard.held for shard in shards),
        overdue=sum(shard.overdue for shard in shards),
        in_flight=sum(shard.in_flight for shard in shards),
        leased=sum(shard.leased for shard in shards),
        shards=shards,
    )
    return Reply(wheel)


async def depths(deps: Deps) -> list[schemas.ShardDepth]:
    """Every shard in numbers. Raises ServerUnavailable."""
    now_ms = deps.clock.now_ms()
    shards = []
    for shard in range(deps.settings.shards):
        counts = await deps.flow.wheel.counts(shard, now_ms)
        shards.append(
            schemas.ShardDepth(
                shard=shard,
                depth=counts.waiting,
                held=counts.held,
                overdue=counts.overdue,
                in_flight=counts.in_call,
                leased=counts.leased,
                lanes=counts.lanes,
            )
        )
    return shards


ROUTES = (show_wheel,)
