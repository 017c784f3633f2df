"""I24: what refers to something of an account is of that account itself, by the ledger's own keys."""

from __future__ import annotations

import asyncpg
import pytest

from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database

NOW_MS = 1_790_000_000_000


async def test_no_key_between_tables_of_accounts_leaves_the_account_out(database: Database):
    """Also those of migrations to come. Leads, loops and attempts have none: see 0001 and 0100."""
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
