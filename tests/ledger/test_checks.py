"""What is refused at the start: a ledger that could forget a permit (RELIABILITY 3.7, 5b.5)."""

from __future__ import annotations

import pytest

from scheduler.errors import StartError
from scheduler.ledger.checks import ledger_facts, refuse_forgetful
from scheduler.ledger.database import Database
from tests.builders import World


async def test_a_server_whose_default_forgets_is_overruled_by_our_sessions(ledger_url: str) -> None:
    """I2: `synchronous_commit = off` for the whole database changes nothing for the connections that arm."""
    name = ledger_url.partition("?")[0].rpartition("/")[2]
    base = await Database.connect(ledger_url, max_connections=1)
    async with base.connection() as on:
        await on.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await base.close()

    for point_reads in (False, True):
        database = await Database.connect(ledger_url, max_connections=2, point_reads=point_reads)
        await refuse_forgetful(database)
        assert (await ledger_facts(database)).waits
        await database.close()


async def test_a_connection_that_forgets_all_the_same_is_refused_with_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooler that drops what we ask for."""
    fetch = world.stores.database.fetch_row

    async def pooled(name: str, *rest: object, **how: object) -> object:
        row = await fetch(name, *rest, **how)
        assert row is not None
        return {**dict(row), "waits": False}

    monkeypatch.setattr(world.stores.database, "fetch_row", pooled)
    with pytest.raises(StartError) as caught:
        await refuse_forgetful(world.stores.database)

    assert "synchronous_commit" in caught.value.why
    assert "ALTER ROLE" in caught.value.do
