"""A desk to import at, on real stores, once for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from scheduler.ledger.database import Database
from tests.imports.builders import Desk, a_desk, a_wheel


@pytest.fixture
async def desk(database: Database, valkey_url: str) -> AsyncIterator[Desk]:
    wheel = await a_wheel(valkey_url)
    yield await a_desk(database, wheel)
    await wheel.close()
