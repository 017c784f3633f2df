"""I4: what must never be twice is refused by the ledger itself, whatever code above it does."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from scheduler.ledger.database import Database
from tests.ledger.made_up import made_up

LOOP = (
    "INSERT INTO loop (lead_id, account_id, agent_id, status, lane_id, next_at, policy_version, lead_version,"
    " started_at, end_reason) VALUES ($1, 1, 1, $2, 1, {next_at}, 1, 1, now(), {end_reason})"
)
ATTEMPT = (
    "INSERT INTO attempt (loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, channel,"
    " state, due_at, armed_at, not_after, permit, why, rules_revision, policy_version, outcome)"
    " VALUES ($1, $2, 1, 1, 0, 1, $3, 0, 'first', 'call', $4, now(), now(), now(), $5, '[]', 'r', 1, $6)"
)
LIVE = ("armed", "accepted", "unknown", "ringing", "in_call")
OVER = ("not_sent", "canceled")


async def _loop(database: Database, lead_id: int, status: str) -> None:
    waits = status in ("scheduled", "waiting_callback")
    sql = LOOP.format(
        next_at="now()" if waits else "NULL", end_reason="'removed'" if status == "ended" else "NULL"
    )
    async with database.connection() as on:
        await on.execute(sql, lead_id, status)


async def _three_loops(database: Database) -> None:
    """1 and 2 of the first lead, 3 of the second."""
    async with database.connection() as on:
        await made_up(on, leads=2)
    for lead_id in (1, 1, 2):
        await _loop(database, lead_id, "ended")


async def _attempt(
    database: Database, *, loop_id: int = 1, lead_id: int = 1, n: int = 1, state: str = "armed",
    outcome: str | None = None,
) -> None:  # fmt: skip
    async with database.connection() as on:
        await on.execute(ATTEMPT, loop_id, lead_id, n, state, UUID(int=1), outcome)


@pytest.mark.parametrize("second", ["scheduled", "dialing", "awaiting_result", "waiting_callback", "paused"])
async def test_a_lead_has_one_active_loop_and_any_number_of_ended_ones(
    database: Database, second: str
) -> None:
    """I4: the partial unique index on loops."""
    async with database.connection() as on:
        await made_up(on, leads=2)
    for _ in range(2):
        await _loop(database, 1, "ended")
    await _loop(database, 1, "scheduled")

    with pytest.raises(asyncpg.UniqueViolationError, match="loop_active"):
        await _loop(database, 1, second)
    await _loop(database, 2, second)


@pytest.mark.parametrize("second", LIVE)
async def test_a_lead_has_one_live_attempt_over_all_its_loops(database: Database, second: str) -> None:
    """I4: the partial unique index on attempts; a lead is one phone of one account."""
    await _three_loops(database)
    for n, state in enumerate(OVER, start=1):
        await _attempt(database, n=n, state=state)
    await _attempt(database, n=3, state="done", outcome="busy")
    await _attempt(database, n=4, state="ringing")

    with pytest.raises(asyncpg.UniqueViolationError, match="attempt_live"):
        await _attempt(database, loop_id=2, state=second)
    await _attempt(database, loop_id=3, lead_id=2, state=second)


async def test_an_attempt_number_is_used_once_in_a_loop(database: Database) -> None:
    """I6: unique (loop, n)."""
    await _three_loops(database)
    await _attempt(database, state="done", outcome="busy")

    with pytest.raises(asyncpg.UniqueViolationError, match="attempt_loop_id_n"):
        await _attempt(database, state="done", outcome="busy")


async def test_an_event_of_a_provider_is_kept_once(database: Database) -> None:
    """I23: the primary key of provider events."""
    sql = "INSERT INTO provider_event VALUES ('p', 'e1', 1, 'ended', now(), now())"
    async with database.connection() as on:
        await on.execute(sql)
        with pytest.raises(asyncpg.UniqueViolationError):
            await on.execute(sql)


async def test_a_phone_is_one_lead_of_an_account(database: Database) -> None:
    """I4: without it two loops could call one person."""
    sql = (
        "INSERT INTO lead (account_id, phone, place_id, priority, created_at, updated_at)"
        " VALUES ($1, '+12125550100', 1, 'bulk', now(), now())"
    )
    async with database.connection() as on:
        await on.execute(sql, 1)
        await on.execute(sql, 2)
        with pytest.raises(asyncpg.UniqueViolationError, match="lead_account_id_phone"):
            await on.execute(sql, 1)


@pytest.mark.parametrize(
    ("status", "next_at", "end_reason"),
    [
        ("scheduled", "NULL", "NULL"),
        ("waiting_callback", "NULL", "NULL"),
        ("dialing", "now()", "NULL"),
        ("ended", "now()", "'removed'"),
        ("ended", "NULL", "NULL"),
        ("scheduled", "now()", "'removed'"),
        ("waiting", "now()", "NULL"),
    ],
)
async def test_a_loop_has_a_next_instant_when_it_waits_and_a_reason_when_it_ended(
    database: Database, status: str, next_at: str, end_reason: str
) -> None:
    """I14 DESIGN 3: what is scheduled has exactly one next instant; what is over says why."""
    async with database.connection() as on:
        with pytest.raises(asyncpg.CheckViolationError):
            await on.execute(LOOP.format(next_at=next_at, end_reason=end_reason), 1, status)


@pytest.mark.parametrize(("state", "outcome"), [("done", None), ("armed", "busy"), ("lost", None)])
async def test_an_attempt_has_an_outcome_exactly_when_it_is_done(
    database: Database, state: str, outcome: str | None
) -> None:
    """I23: every closed attempt says how."""
    with pytest.raises(asyncpg.CheckViolationError):
        await _attempt(database, state=state, outcome=outcome)
