"""I24: the ledger itself shows an account nothing of another, whatever a statement asks for."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database
from scheduler.ledger.tenancy import ROLE, serving

NOW_MS = 1_790_000_000_000
SHARED = {"installation", "journal", "migration", "place", "quarantine", "wheel_epoch"}
"""Tables that belong to no account."""


async def two_accounts(database: Database) -> tuple[int, int]:
    first = await create_account(database, name="first", now_ms=NOW_MS)
    return first, await create_account(database, name="second", now_ms=NOW_MS)


async def names(database: Database) -> list[str]:
    async with database.connection() as on:
        return [row["name"] for row in await on.fetch("SELECT name FROM account ORDER BY account_id")]


async def test_every_table_of_accounts_is_behind_a_forced_policy(database: Database):
    """Also those of migrations to come: a table that is neither shared nor guarded fails here."""
    async with database.connection() as on:
        rows = await on.fetch(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced, "
            "array(SELECT p.policyname::text FROM pg_policies AS p WHERE p.tablename = c.relname) "
            "AS policies "
            "FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
    open_ = {row["relname"] for row in rows if not row["forced"] or "tenant" not in row["policies"]}
    assert open_ == SHARED


async def test_who_serves_an_account_sees_that_account_alone_even_when_a_statement_names_none(
    database: Database,
):
    first, second = await two_accounts(database)
    assert await names(database) == ["first", "second"]
    with serving(first):
        assert await names(database) == ["first"]
        with serving(second):
            assert await names(database) == ["second"]
        assert await names(database) == ["first"]
    assert await names(database) == ["first", "second"]


async def test_tasks_side_by_side_that_share_connections_each_see_their_own(database: Database):
    """What a session was told for one account may not leak to the next that gets it from the pool."""
    accounts = dict(zip(("first", "second"), await two_accounts(database), strict=True))

    async def look(name: str) -> bool:
        with serving(accounts[name]):
            return await names(database) == [name]

    asked = ["first", "second", "second", "first"] * 25
    assert all(await asyncio.gather(*map(look, asked)))


async def test_a_row_of_another_account_can_be_neither_written_nor_changed_nor_taken(database: Database):
    first, second = await two_accounts(database)
    await create_agent(database, account_id=first, name="one", auto_dialer={}, now_ms=NOW_MS)
    with serving(first):
        async with database.connection() as on:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await on.execute(
                    "INSERT INTO suppression (account_id, phone, reason, created_at) "
                    "VALUES ($1, '+12125550123', '', now())", second,
                )  # fmt: skip
            assert (
                await on.execute("UPDATE account SET name = 'taken' WHERE account_id = $1", second)
                == "UPDATE 0"
            )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):  # nor given away
                await on.execute("UPDATE agent SET account_id = $2 WHERE account_id = $1", first, second)


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
async def test_the_audit_log_is_only_ever_added_to(database: Database, statement: str):
    first, _ = await two_accounts(database)
    with serving(first):
        async with database.connection() as on:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await on.execute(statement)


async def test_the_installation_s_keys_are_nobody_s_who_serves_an_account(database: Database):
    first, _ = await two_accounts(database)
    with serving(first):
        async with database.connection() as on:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await on.fetch("SELECT phone_key FROM installation")


async def test_the_role_owns_nothing_and_bypasses_nothing_and_without_an_account_sees_nothing(
    database: Database,
):
    """Fail closed: a session that was told no account is shown no row."""
    first, _ = await two_accounts(database)
    with serving(first):
        async with database.connection() as on:
            row = await on.fetchrow(
                "SELECT current_user AS name, rolsuper, rolbypassrls FROM pg_roles "
                "WHERE rolname = current_user"
            )
            assert row is not None
            assert tuple(row) == (ROLE, False, False)
            owned = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
            assert await on.fetchval(owned) == 0
            async with on.transaction():
                await on.execute("SET LOCAL dialwheel.account_id = ''")
                assert await on.fetchval("SELECT count(*) FROM account") == 0
