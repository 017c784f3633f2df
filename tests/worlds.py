"""The fixtures of those tests that need a whole dialwheel; a folder's conftest names the ones it uses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from scheduler.ledger.database import Database
from scheduler.ledger.migrate import migrate
from tests.builders import World, a_world, empty

OpenWorld: TypeAlias = Callable[..., Any]
"""Opens a world on the test's own ledger and wheel; closed with the test. Takes what `a_world` takes."""


TEMPLATE = "migrated"
"""The database of a server that the ledgers of all tests are copies of: a third of the time of migrating."""


@asynccontextmanager
async def a_ledger(server_url: str) -> AsyncIterator[str]:
    """The address of a migrated, empty ledger, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    base = await Database.connect(server_url, max_connections=1)
    try:
        async with base.connection() as on:
            if not await on.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
                await _make_template(server_url)
            await on.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        yield _named(server_url, name)
        async with base.connection() as on:
            await on.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await base.close()


async def _make_template(server_url: str) -> None:
    """It has its name when it is whole: a run that was cut leaves none behind."""
    base = await Database.connect(server_url, max_connections=1)
    async with base.connection() as on:
        await on.execute("DROP DATABASE IF EXISTS migrating WITH (FORCE)")
        await on.execute("CREATE DATABASE migrating")
    database = await Database.connect(_named(server_url, "migrating"), max_connections=1)
    await migrate(database)
    await database.close()
    async with base.connection() as on:
        await on.execute(f"ALTER DATABASE migrating RENAME TO {TEMPLATE}")
    await base.close()


def _named(server_url: str, name: str) -> str:
    return server_url.replace("/dialwheel?", f"/{name}?")


@pytest.fixture
async def ledger_url(postgres_server_url: str) -> AsyncIterator[str]:
    """A migrated, empty ledger of its own for the test."""
    async with a_ledger(postgres_server_url) as url:
        yield url


@pytest.fixture
async def open_world(ledger_url: str, valkey_url: str) -> AsyncIterator[OpenWorld]:
    await empty(valkey_url)
    async with AsyncExitStack() as stack:

        async def opened(**how: Any) -> World:
            return await stack.enter_async_context(a_world(ledger_url, valkey_url, **how))

        yield opened


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """One process on empty stores, Tuesday at 14:00 in New York."""
    world: World = await open_world()
    return world
