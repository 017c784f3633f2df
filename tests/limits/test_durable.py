"""The private Postgres as it is started for people: what it has answered is on disk."""

from __future__ import annotations

from api.embedded.postgres import EmbeddedPostgres
from scheduler.ledger.database import Database


async def test_commits_are_durable_on_every_connection(postgres: EmbeddedPostgres) -> None:
    """I1 I2, RELIABILITY 5b: an arm that Postgres could forget would be given twice."""
    database = await Database.connect(postgres.url)
    async with database.connection() as on:
        for name in ("synchronous_commit", "fsync", "full_page_writes"):
            assert await on.fetchval(f"SHOW {name}") == "on", name
    await database.close()
