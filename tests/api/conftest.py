"""The API on real stores, once for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.live.deliverer import Deliverer
from dialer.webhooks.sealing import Sealer
from dialer.webhooks.sender import WebhookSender
from scheduler.ledger.database import Database
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from tests.api.builders import EPOCH, PERMIT_S, Site, a_site
from tests.api.receiving import Outlets, Receiver, a_deliverer, a_receiver
from tests.api.reporting import desk
from tests.builders import empty
from tests.worlds import ledger_url, open_world

__all__ = ["desk", "ledger_url", "open_world"]


@pytest.fixture
async def wheel(valkey_url: str) -> AsyncIterator[TimingWheel]:
    """An empty wheel, ready: what callers used up of their allowances in the test before is forgotten too."""
    await empty(valkey_url)
    wheel = await TimingWheel.connect(valkey_url)
    await wheel.begin_rebuild(0)
    await wheel.open_epoch(0, EPOCH)
    yield wheel
    await wheel.close()


@pytest.fixture
def permit_s() -> float:
    """Of `site`; parametrized by tests of what waits for permits."""
    return PERMIT_S


@pytest.fixture
def allow_private() -> bool:
    """Whether webhooks of `site` may go to this machine; parametrized by tests that receive them."""
    return False


@pytest.fixture
async def site(
    database: Database, wheel: TimingWheel, aiohttp_client: Any, permit_s: float, allow_private: bool
) -> Site:
    """The stores come first: the API ends before them."""
    settings = Settings(permit_s=permit_s, import_workers=0, webhook_allow_private=allow_private)
    return await a_site(aiohttp_client, database, wheel, settings=settings)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


@pytest.fixture
async def outlets(site: Site) -> AsyncIterator[Outlets]:
    """Makes deliverers, each as if in a process of its own, and closes them."""
    made: list[Deliverer] = []

    def make(sender: WebhookSender | None = None, sealer: Sealer | None = None) -> Deliverer:
        made.append(a_deliverer(site, sender, sealer))
        return made[-1]

    yield make
    for deliverer in made:
        await deliverer.close()
