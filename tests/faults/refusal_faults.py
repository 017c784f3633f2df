"""F24 and F6: whatever an arm refuses for, met by a dialer that has the claims in its hands already."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

from scheduler.domain.time import DAY, Ms
from scheduler.flow.batches import create_batch
from scheduler.flow.throttle import Throttle
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.caller_ids import create_caller_id, create_pool
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.trunks import create_trunk
from scheduler.wheel import Placing
from tests.builders import ACTOR
from tests.faults.bed import Trial
from tests.faults.failpoints import Failure
from tests.faults.kinds import fault

REASONS = (
    "dnc", "stale", "outdated", "account_paused", "agent_paused", "batch_paused", "trunk_paused",
    "caller_ids_spent", "lead_busy",
)  # fmt: skip

OURS = "+12125550199"
"""The one caller id of a pool; nobody whom the suite calls."""


@fault(
    "F24", "refused", needs=tuple(f"arm refused: {reason}" for reason in REASONS), leads=0, claim_batch=30,
    account={"max_concurrent": 100}, model={"time_scale": 0.1},
)  # fmt: skip
async def the_world_changes_under_a_dialers_claims(t: Trial) -> None:
    """Each change is in the ledger alone: the wheel was not told, no cache was cleared."""
    await t.scheduler()
    dialer = await t.dialer(Failure("y", "stop", 2))
    await t.enrol(1)
    await t.until_dials(1)
    dialer.signal(signal.SIGSTOP)  # what comes now is claimed in one go
    await _follow_anew(t)
    spoilt = await t.enrol(3)
    changes = [*_spoil(t, *spoilt), *await _lines_to_hold(t)]
    dialer.signal(signal.SIGCONT)
    await dialer.fails()
    for sql, *arguments in changes:
        await t.rows(sql, *arguments)
    dialer.signal(signal.SIGCONT)

    async def refused() -> bool:
        return t.refusals() >= set(REASONS)

    with suppress(TimeoutError):  # its window is not met then, and the world is mended all the same
        await t.until(refused)
    for kind in ("account", "agent", "trunk"):
        await t.rows(f"UPDATE {kind} SET paused = false")
    await t.rows("UPDATE batch SET status = 'running'")
    redis = t.redis()
    await redis.flushall()  # the wheel learns of it all as it is rebuilt
    await redis.aclose()


async def _follow_anew(t: Trial) -> None:
    """The one lead's loop ends while it is in its call, and another begins."""
    now_ms = t.clock.now_ms()
    now = to_datetime(now_ms)
    await t.rows(
        "UPDATE loop SET status = 'ended', end_reason = 'removed', next_at = NULL, ended_at = $1", now
    )
    [row] = await t.rows(
        "INSERT INTO loop (lead_id, account_id, agent_id, batch_id, status, lane_id, next_at, open_until,"
        " next_kind, next_step, next_channel, policy_version, lead_version, started_at)"
        " SELECT lead_id, account_id, agent_id, batch_id, 'scheduled', lane_id, $1,"
        " $1::timestamptz + interval '1 hour', 'first', 0, 'call', policy_version,"
        " (SELECT version FROM lead AS le WHERE le.lead_id = lo.lead_id), $1"
        " FROM loop AS lo RETURNING loop_id, lane_id",
        now,
    )
    await t.stores.flow.place([Placing(0, row["lane_id"], row["loop_id"], now_ms)], now_ms)


def _spoil(t: Trial, suppressed: str, moved: str, changed: str) -> list[tuple[Any, ...]]:
    of_lead = "WHERE lead_id = (SELECT lead_id FROM lead WHERE phone = $1)"
    return [
        ("INSERT INTO suppression VALUES ($1, $2, 'asked', 'test', now())", t.account_id, suppressed),
        (f"UPDATE loop SET next_at = next_at + interval '1 hour' {of_lead}", moved),
        (f"UPDATE lead SET version = version + 1 {of_lead}", changed),
    ]


async def _lines_to_hold(t: Trial) -> list[tuple[Any, ...]]:
    """A lead behind each thing that can be paused or spent; answers what holds them up."""
    now_ms, database = t.clock.now_ms(), t.stores.database
    other_account = await create_account(database, name="Other", now_ms=now_ms)
    agents = [await _agent(t, f"agent {n}", now_ms) for n in range(3)]
    others = await _agent(t, "agent", now_ms, account_id=other_account)
    batch_id = await create_batch(
        t.stores.flow, account_id=t.account_id, agent_id=t.agent_id, name="batch", priority="live",
        throttle=Throttle(spread_over_s=0), actor=ACTOR, now_ms=now_ms,
    )  # fmt: skip
    trunk_id = await create_trunk(database, account_id=t.account_id, name="line", now_ms=now_ms)
    async with database.transaction() as on:
        number = await create_caller_id(
            database, on, account_id=t.account_id, phone=OURS, daily_cap=50, now_ms=now_ms
        )
        pool_id = await create_pool(
            database, on, account_id=t.account_id, name="pool", strategy="rotate", caller_id_ids=[number],
            now_ms=now_ms,
        )  # fmt: skip
    await t.rows("UPDATE agent SET trunk_id = $1 WHERE agent_id = $2", trunk_id, agents[1])
    await t.rows("UPDATE agent SET caller_id_pool_id = $1 WHERE agent_id = $2", pool_id, agents[2])
    for agent_id in agents:
        await t.enrol(1, agent_id=agent_id)
    await t.enrol(1, agent_id=others, account_id=other_account)
    await t.enrol(1, batch_id=batch_id)
    rested = to_datetime(now_ms + DAY)
    return [
        ("UPDATE account SET paused = true WHERE account_id = $1", other_account),
        ("UPDATE agent SET paused = true WHERE agent_id = $1", agents[0]),
        ("UPDATE trunk SET paused = true",),
        ("UPDATE caller_id SET rest_until = $1", rested),
        ("UPDATE batch SET status = 'paused'",),
    ]


async def _agent(t: Trial, name: str, now_ms: Ms, *, account_id: int | None = None) -> int:
    return await create_agent(
        t.stores.database, account_id=account_id or t.account_id, name=name,
        auto_dialer={"strategy": "followup"}, now_ms=now_ms,
    )  # fmt: skip


@fault("F6", "claims of before", needs=("arm refused: lost",))
async def a_dialer_asks_for_permits_for_claims_of_a_wheel_that_was_lost(t: Trial) -> None:
    """Their call slots are not on the wheel of now: a cap would not hold."""
    await t.scheduler()
    dialer = await t.dialer(Failure("y", "stop", 1))
    await dialer.fails()
    redis = t.redis()
    await redis.flushall()
    await t.until(lambda: redis.get("{dw:0}:epoch"))
    await redis.aclose()
    dialer.signal(signal.SIGCONT)
