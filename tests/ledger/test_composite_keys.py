"""I24: what refers to something of an account is of that account itself, by the ledger's own keys."""

from __future__ import annotations

import asyncpg
import pytest

from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database
from scheduler.ledger.tenancy import serving
from tests.ledger.made_up import leads_of, made_up

NOW_MS = 1_790_000_000_000


async def test_no_key_between_tables_of_accounts_leaves_the_account_out(database: Database):
    """Also those of migrations to come. Leads, loops and attempts have triggers in their place: see 0111."""
    async with database.connection() as on:
        rows = await on.fetch(
            "SELECT c.conname FROM pg_constraint AS c "
            "WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace "
            "AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.conrelid "
            "                AND a.attname = 'account_id' AND a.attnum = ANY (c.conkey)) "
            "AND (SELECT count(*) FROM pg_attribute AS a WHERE a.attname = 'account_id' "
            "     AND a.attrelid IN (c.conrelid, c.confrelid)) = 2"
        )
    assert [row["conname"] for row in rows] == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO batch (account_id, agent_id, name, priority, created_at, updated_at) "
        "VALUES ($1, $2, 'theirs', 'bulk', now(), now())",
        "INSERT INTO lane (account_id, agent_id, class, batch_id, place_id) "
        "SELECT $1, $2, 'bulk', 0, place_id FROM place LIMIT 1",
        "INSERT INTO import (account_id, batch_id, status, started_at) "
        "SELECT $1, b.batch_id, 'done', now() FROM batch AS b WHERE b.agent_id = $2",
    ],
)
async def test_a_row_cannot_refer_to_what_is_of_another_account(database: Database, statement: str):
    first = await create_account(database, name="first", now_ms=NOW_MS)
    second = await create_account(database, name="second", now_ms=NOW_MS)
    theirs = await create_agent(database, account_id=second, name="a", auto_dialer={}, now_ms=NOW_MS)
    async with database.connection() as on:
        await on.execute(
            "INSERT INTO place (zones, regions, own_zones, source) VALUES ('{}', '{}', '{}', 'unknown')"
        )
        await on.execute(
            "INSERT INTO batch (account_id, agent_id, name, priority, created_at, updated_at) "
            "VALUES ($1, $2, 'ours', 'bulk', now(), now())", second, theirs,
        )  # fmt: skip
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await on.execute(statement, first, theirs)


LEAD = "INSERT INTO lead (account_id, phone, place_id, priority, agent_id, batch_id, created_at, updated_at) "
LOOP = (
    "INSERT INTO loop (account_id, lead_id, agent_id, batch_id, lane_id, status, policy_version, "
    "lead_version, started_at, end_reason, cadence_id, cadence_version) "
)
ATTEMPT = (
    "INSERT INTO attempt (account_id, loop_id, lead_id, agent_id, batch_id, lane_id, n, step, kind, channel, "
    "state, due_at, armed_at, not_after, permit, why, rules_revision, policy_version, outcome) "
)
CALLBACK = "INSERT INTO callback (account_id, lead_id, loop_id, attempt_id, at, created_at, updated_at) "


def _loop(values: str) -> str:
    """account, lead, agent, batch, lane."""
    return LOOP + f"VALUES ({values}, 'ended', 1, 1, now(), 'removed', NULL, NULL)"


def _attempt(values: str) -> str:
    """account, loop, lead, agent, batch, lane."""
    return ATTEMPT + (
        f"VALUES ({values}, 9, 0, 'first', 'call', 'done', now(), now(), now(), gen_random_uuid(), '[]', "
        "'r', 1, 'busy')"
    )


@pytest.fixture
async def neighbors(database: Database) -> Database:
    """Account 1 with lead, loop, attempt and callback 1, lead and loop 2; account 2 with all that is 3."""
    async with database.connection() as on:
        await made_up(on, leads=2)
        await leads_of(on, 2, first=3, count=1)
        await on.execute("ALTER TABLE lead ALTER COLUMN lead_id RESTART WITH 100")
        await on.execute(_loop("1, 1, 1, 0, 1"))
        await on.execute(_loop("1, 2, 1, 0, 1"))
        await on.execute(_attempt("1, 1, 1, 1, 0, 1").replace(" 9,", " 1,"))
        await on.execute(CALLBACK + "VALUES (1, 1, 1, 1, now(), now(), now())")
        await on.execute("UPDATE callback SET status = 'done'")
    return database


@pytest.mark.parametrize(
    "statement",
    [
        LEAD + "VALUES (1, '+12125550101', 1, 'bulk', 3, NULL, now(), now())",
        LEAD + "VALUES (1, '+12125550101', 1, 'bulk', NULL, 3, now(), now())",
        LEAD + "VALUES (1, '+12125550101', 1, 'bulk', 1, 1, now(), now()),"
        "              (1, '+12125550102', 1, 'bulk', 3, 1, now(), now())",
        _loop("2, 1, 3, 0, 3"), _loop("1, 3, 1, 0, 1"), _loop("1, 1, 3, 0, 1"), _loop("1, 1, 1, 3, 1"),
        _loop("1, 1, 1, 0, 3"), _loop("1, 99, 1, 0, 1"),
        LOOP + "VALUES (1, 1, 1, 0, 1, 'ended', 1, 1, now(), 'removed', 1, 1)",
        "WITH la AS (INSERT INTO lane (account_id, agent_id, class, batch_id, place_id) "
        "            VALUES (1, 1, 'live', 3, 1) RETURNING lane_id) "
        + LOOP + "SELECT 1, 1, 1, 3, lane_id, 'ended', 1, 1, now(), 'removed', NULL, NULL FROM la",
        _attempt("2, 1, 1, 1, 0, 1"), _attempt("1, 2, 1, 1, 0, 1"), _attempt("1, 1, 3, 1, 0, 1"),
        _attempt("1, 1, 1, 3, 0, 1"), _attempt("1, 1, 1, 1, 3, 1"), _attempt("1, 1, 1, 1, 0, 3"),
        _attempt("1, 99, 1, 1, 0, 1"),
        CALLBACK + "VALUES (2, 1, 1, NULL, now(), now(), now())",
        CALLBACK + "VALUES (1, 1, 2, NULL, now(), now(), now())",
        CALLBACK + "VALUES (1, 2, 2, 1, now(), now(), now())",
        "INSERT INTO lead_signal (account_id, lead_id, kind, channel, at, created_at) "
        "VALUES (2, 1, 'replied', 'call', now(), now())",
    ],
)  # fmt: skip
async def test_leads_loops_and_attempts_refer_to_their_account_s_own(neighbors: Database, statement: str):
    """RELIABILITY 5: a reference from one tenant to another cannot exist. Nor one to another lead's loop."""
    async with neighbors.connection() as on:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="not of its account"):
            await on.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lead SET account_id = 2 WHERE lead_id = 1",
        "UPDATE loop SET lead_id = 2 WHERE loop_id = 1",
        "UPDATE attempt SET loop_id = 2 WHERE attempt_id = 1",
        "UPDATE callback SET loop_id = 2 WHERE callback_id = 1",
        "UPDATE lane SET agent_id = 2 WHERE lane_id = 1",
        "UPDATE attempt_record SET attempt_id = 1",
    ],
)
async def test_what_makes_a_row_its_account_s_is_never_changed_for_a_tenant(
    neighbors: Database, statement: str
):
    with serving(1):
        async with neighbors.connection() as on:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await on.execute(statement)
            assert await on.execute("UPDATE loop SET held = true WHERE loop_id = 1") == "UPDATE 1"


@pytest.mark.parametrize(
    ("column", "attempt"), [("agent_id", "3, 0, 1"), ("batch_id", "1, 3, 1"), ("lane_id", "1, 0, 3")]
)
async def test_a_loop_that_strays_to_another_account_is_never_called(
    neighbors: Database, column: str, attempt: str
):
    """I24: the last look is the ledger's own, at the insert of the attempt."""
    async with neighbors.connection() as on:
        await on.execute(f"UPDATE loop SET {column} = 3 WHERE loop_id = 2")
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="not of its account"):
            await on.execute(_attempt(f"1, 2, 2, {attempt}"))
