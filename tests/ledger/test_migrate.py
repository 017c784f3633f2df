"""Migrations: once, in order, unchanged."""

import asyncio

import pytest

from scheduler.errors import MigrationError
from scheduler.ledger.database import Database
from scheduler.ledger.migrate import known_migrations, migrate, pending


async def test_a_migrated_ledger_has_nothing_pending(database: Database):
    assert await pending(database) == []
    assert await migrate(database) == []


async def test_four_runners_at_once_apply_each_migration_once(database: Database):
    async with database.connection() as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    done = await asyncio.gather(*(migrate(database) for _ in range(4)))

    assert sorted(name for names in done for name in names) == [name for name, _, _ in known_migrations()]


async def test_a_changed_migration_is_refused(database: Database):
    async with database.connection() as connection:
        await connection.execute("UPDATE migration SET checksum = 'other'")

    with pytest.raises(MigrationError, match="was changed after it was applied"):
        await migrate(database)


async def test_a_ledger_newer_than_the_code_is_refused(database: Database):
    async with database.connection() as connection:
        await connection.execute("INSERT INTO migration (name, checksum) VALUES ('9999_later.sql', 'x')")

    with pytest.raises(MigrationError, match="newer than this version"):
        await migrate(database)
