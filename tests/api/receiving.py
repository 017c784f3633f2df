"""An integrator's side of webhooks: an endpoint on loopback that remembers what it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from api.live.deliverer import Deliverer
from api.live.delivery_visit import Outlet
from dialer.signing import ID, read_secret, verify
from dialer.webhooks.sealing import Sealer
from dialer.webhooks.sender import WebhookSender
from scheduler.domain.time import Ms
from scheduler.ledger import news
from scheduler.services.herald import Herald
from tests.api.builders import Site

Outlets = Callable[..., Deliverer]
Answer = Callable[["Received"], web.StreamResponse | int]


@dataclass
class Received:
    """One request: `id` as its header says, `body` as it was parsed."""

    id: str
    body: dict[str, Any]
    headers: dict[str, str]
    raw: bytes

    def signed_by(self, secret: str, now_s: float) -> bool:
        return verify([read_secret(secret)], self.headers, self.raw, now_s)


@dataclass
class Receiver:
    """`answer` may be changed by a test: what the next requests get."""

    url: str = ""
    answer: Answer = lambda _: 204
    got: list[Received] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    open_requests: int = 0
    most_at_once: int = 0

    @property
    def sequences(self) -> list[int]:
        """Of single events, in the order in which they came."""
        return [one.body["sequence"] for one in self.got]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Of all batches."""
        return [event for one in self.got for event in one.body["data"]["events"]]

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.open_requests += 1
        self.most_at_once = max(self.most_at_once, self.open_requests)
        try:
            raw = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            one = Received(headers.get(ID, ""), await request.json(), headers, raw)
            self.got.append(one)
            self.came.set()
            await asyncio.sleep(0)
            answer = self.answer(one)
            return web.Response(status=answer) if isinstance(answer, int) else answer
        finally:
            self.open_requests -= 1


@asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def a_deliverer(site: Site, sender: WebhookSender | None = None, sealer: Sealer | None = None) -> Deliverer:
    deps = site.deps
    outlet = Outlet(
        site.database,
        deps.ids,
        site.clock,
        sealer or deps.sealer,
        sender or WebhookSender(allow_private=True),
        deps.metrics,
    )
    return Deliverer(outlet, period_s=0.5, kept_days=7)


async def deliver(site: Site, deliverer: Deliverer, times: int = 1) -> None:
    """Number what happened, and have it sent: so many visits one after the other."""
    for _ in range(times):
        await Herald(site.database, site.clock, period_s=1, kept_days=7).step(site.clock.now_ms())
        await deliverer.step(site.clock.now_ms())
        await deliverer.idle()


async def told(site: Site, lead_ids: list[int], type_: str = "lead.updated", **fields: Any) -> None:
    """Events of these leads, one each, in their order. They need not be there."""
    account_id = fields.pop("account_id", site.home.account_id)
    async with site.database.transaction() as on:
        await news.tell(site.database, type_, account_id, ids=lead_ids, at_ms=site.clock.now_ms(), on=on)


async def registered(site: Site, url: str, **fields: Any) -> dict[str, Any]:
    reply = await site.post("/v1/webhooks", {"url": url, **fields}, key=fields.pop("key", None))
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    return made


def pass_time(site: Site, length_ms: Ms) -> None:
    site.clock.move_to(site.clock.now_ms() + length_ms)


async def sent(site: Site, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    """Its deliveries, oldest first."""
    reply = await site.get(f"/v1/webhooks/{webhook['id']}/deliveries?order=asc")
    page: dict[str, Any] = await reply.json()
    found: list[dict[str, Any]] = page["data"]
    return found


async def shown(site: Site, webhook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await (await site.get(f"/v1/webhooks/{webhook['id']}")).json()
    return found
