"""What happened to a lead, what is planned, and whether it may be called just now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api import schemas_leads as schemas
from api import timeline, views
from api.explain import blockers_of, by_ledger
from api.instants import utc
from api.routing import Call, Reply, route
from api.schemas import Page
from scheduler.domain.caller_ids import Budget, budget
from scheduler.domain.time import Ms
from scheduler.ledger import reads
from scheduler.ledger.caller_ids import pools_today
from scheduler.ledger.instants import EPOCH
from scheduler.ledger.leads import lead_signals


@route("GET", "/v1/leads/{id}/timeline", scope="read")
async def show_timeline(call: Call) -> Reply[Page[schemas.TimelineEntry]]:
    """All that happened to a lead and what is planned, oldest first."""
    row = await _lead(call)
    database, lead_id = call.deps.flow.database, row["lead_id"]
    loops = await reads.lead_loops(database, call.account_id, lead_id)
    attempts = await reads.lead_attempts(database, call.account_id, lead_id)
    signals = await lead_signals(database, call.account_id, lead_id)
    now = EPOCH + timedelta(milliseconds=call.deps.clock.now_ms())
    return Reply(Page(timeline.entries(row, loops, attempts, signals, call.ids, now)))


@route("GET", "/v1/leads/{id}/explain", scope="read")
async def explain_lead(call: Call) -> Reply[schemas.Explain]:
    """May the lead be called at this instant, what forbids it, and when the next attempt is and why."""
    row = await _lead(call)
    blocks = await reads.lead_blocks(call.deps.flow.database, call.account_id, row["lead_id"])
    agent_id = row["loop_agent_id"] or row["agent_id"]
    policies, policy = call.deps.flow.policies, None
    if agent_id is not None:
        follows = None if row["cadence_id"] is None else (row["cadence_id"], row["cadence_version"])
        policy = await policies.in_cadence(await policies.of_agent(agent_id), follows)
    now_ms = call.deps.clock.now_ms()
    numbers = await _numbers_left(call, blocks["caller_id_pool_id"], now_ms)
    blockers = by_ledger(call.deps.flow.standing) + blockers_of(row, blocks, policy, numbers, now_ms)
    return Reply(
        schemas.Explain(
            lead_id=call.ids.write("lead", row["lead_id"]),
            at=utc(EPOCH + timedelta(milliseconds=now_ms)),
            callable_now=not blockers,
            blockers=blockers,
            next_attempt=views.next_attempt(row),
            why=views.why(row["why"]) if row["next_at"] is not None else [],
        )
    )


async def _lead(call: Call) -> Any:
    return await reads.lead(call.deps.flow.database, call.account_id, call.id("lead"))


async def _numbers_left(call: Call, pool_id: int | None, now_ms: Ms) -> Budget | None:
    """What a pool of caller ids may still dial today."""
    if pool_id is None:
        return None
    [pool] = await pools_today(call.deps.flow.database, [pool_id], now_ms)
    return budget(pool.strategy, pool.numbers, now_ms, pool.ends_ms)


ROUTES = (show_timeline, explain_lead)
