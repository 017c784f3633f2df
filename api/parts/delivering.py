"""What sends events to webhooks, in each process that serves the API."""

from __future__ import annotations

import asyncio

from api.live.deliverer import Deliverer
from api.live.delivery_visit import Outlet
from api.parts.stores import Stores
from dialer.webhooks.sealing import make_sealer
from dialer.webhooks.sender import WebhookSender
from scheduler.public_ids import PublicIds
from scheduler.services.service import run_service


def make_deliverer(stores: Stores) -> Deliverer:
    """Raises SettingsError."""
    settings, id_key = stores.settings, stores.installation.id_key
    outlet = Outlet(
        stores.database,
        PublicIds(id_key),
        stores.clock,
        make_sealer(id_key, settings.webhook_key_file),
        WebhookSender(allow_private=settings.webhook_allow_private),
        stores.metrics,
    )
    return Deliverer(outlet, period_s=settings.webhook_s, kept_days=settings.news_kept_days)


def delivering_task(stores: Stores, stop: asyncio.Event) -> asyncio.Task[None]:
    """Until `stop` is set; what is under way then is given some seconds."""
    deliverer = make_deliverer(stores)

    async def run() -> None:
        try:
            await run_service(deliverer, stores.clock, stop)
        finally:
            await deliverer.close()

    return asyncio.create_task(run(), name=deliverer.name)
