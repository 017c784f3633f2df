"""The fixtures of those tests that need a whole dialwheel; a folder's conftest names the ones it uses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import pytest

from scheduler.ledger.database import Database
from tests.builders import World, a_world, empty

OpenWorld: TypeAlias = Callable[..., Any]
"""Opens a world on the test's own ledger and wheel; closed with the test. Takes what `a_world` takes."""


@pytest.fixture
async def ledger_url(postgres_server_url: str) -> AsyncIterator[str]:
    """An empty database of its own for the test, dropped afterwards."""
    name = f"w_{uuid.uuid4().hex[:12]}"
    base = await Database.connect(postgres_server_url, max_connections=1)
    async with base.connection() as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server_url.replace("/dialwheel?", f"/{name}?")
    async with base.connection() as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await base.close()


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
