"""The API on real stores, once for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from scheduler.ledger.database import Database
from scheduler.wheel import TimingWheel
from tests.api.builders import EPOCH, Site, a_site
from tests.worlds import ledger_url, open_world

__all__ = ["ledger_url", "open_world"]


@pytest.fixture
async def wheel(valkey_url: str) -> AsyncIterator[TimingWheel]:
    """An empty wheel, ready."""
    wheel = await TimingWheel.connect(valkey_url)
    await wheel.begin_rebuild(0)
    await wheel.open_epoch(0, EPOCH)
    yield wheel
    await wheel.close()


@pytest.fixture
async def site(database: Database, wheel: TimingWheel, aiohttp_client: Any) -> Site:
    """The stores come first: the API ends before them."""
    return await a_site(aiohttp_client, database, wheel)
