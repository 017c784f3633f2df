"""Numbered migrations, forward only: each is applied once, in order, and may not change afterwards."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.resources import files

from scheduler.errors import MigrationError
from scheduler.ledger.database import Connection, Database

LOCK = 0x6469616C  # "dial": one runner at a time


def known_migrations() -> list[tuple[str, str, str]]:
    """(name, text, checksum) of every migration of this version, in order."""
    folder = files("scheduler.ledger").joinpath("migrations")
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    texts = [(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in found]
    return [(name, text, hashlib.sha256(text.encode()).hexdigest()) for name, text in texts]


async def migrate(database: Database) -> list[str]:
    """Apply what is missing and answer its names. Safe when several processes start at once.

    Raises MigrationError if an applied migration was changed, or the ledger is newer than this version.
    """
    async with database.connection() as connection:
        # polled: a session that waits inside pg_advisory_lock() can deadlock with CREATE INDEX CONCURRENTLY
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        try:
            return await _apply_missing(connection)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def pending(database: Database) -> list[str]:
    """Names of the migrations that `migrate` would apply."""
    async with database.connection() as connection:
        applied = await _applied(connection)
    return [name for name, _, _ in known_migrations() if name not in applied]


async def _applied(connection: Connection) -> dict[str, str]:
    if not await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL"):
        return {}
    rows = await connection.fetch("SELECT name, checksum FROM migration")
    return {row["name"]: row["checksum"] for row in rows}


async def _apply_missing(connection: Connection) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, checksum text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = await _applied(connection)
    known = known_migrations()
    newer = sorted(set(applied) - {name for name, _, _ in known})
    if newer:
        raise MigrationError(
            "the ledger is newer than this version of dialwheel",
            f"it holds the migration {newer[-1]}",
            "run the newer version, or restore an older backup",
        )
    done = []
    for name, text, checksum in known:
        if name in applied:
            if applied[name] != checksum:
                raise MigrationError(
                    f"the migration {name} was changed after it was applied",
                    "its checksum differs from the one in the ledger",
                    "put the file back as it was and add a new migration",
                )
            continue
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute("INSERT INTO migration (name, checksum) VALUES ($1, $2)", name, checksum)
        done.append(name)
    return done
