"""An integrator's dialer as the contract wants it, with the simulator behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer

from dialer.http import HttpClient
from dialer.providers.base import Accepted, Action, NotDialled
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.webhook import WebhookProvider
from dialer.signing import verify
from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.flow.lookup import FoundCall, Lookup, NoCall
from scheduler.ledger.instants import EPOCH, to_ms

SECRET = b"s" * 32
WALL_S = 1_790_000_000.0
STATUS = {"accepted": "initiated", "ringing": "ringing", "in_call": "answered"}
ENDED = {"not_reached": "no_answer", "error": "failed"}


@asynccontextmanager
async def a_webhook_provider(
    url: str, *, secrets: list[bytes] | None = None, **http: float
) -> AsyncIterator[WebhookProvider]:
    """Signs with `SECRET` unless told otherwise, at one and the same second."""
    provider = WebhookProvider(
        HttpClient(url, **http),  # type: ignore[arg-type]
        secrets or [SECRET],
        lambda attempt_id: f"http://127.0.0.1/callbacks/{attempt_id}",
        lambda: WALL_S,
    )
    try:
        yield provider
    finally:
        await provider.close()


@asynccontextmanager
async def a_receiver(simulator: SimulatedProvider, clock: Clock) -> AsyncIterator[str]:
    """Its address."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not verify([SECRET], request.headers, body, WALL_S):
            return web.json_response({"error": "not signed"}, status=401)
        status, answer, headers = await ANSWERS[(asked := await request.json())["type"]](
            simulator, asked, clock
        )
        return web.json_response(answer, status=status, headers=headers)

    app = web.Application()
    app.router.add_post("/", receive)
    async with TestServer(app) as server:
        yield str(server.make_url(""))


async def _dial(simulator: SimulatedProvider, asked: dict[str, Any], clock: Clock) -> Any:
    action = Action(
        UUID(asked["key"]),
        int(asked["callback_url"].rpartition("/")[2]),
        asked["to"],
        asked["number"],
        _ms(asked["not_after"]),
        asked["channel"],
        asked["from"],
        asked["ring_timeout_s"],
        asked["max_duration_s"],
        asked["arrive_by"] and _ms(asked["arrive_by"]),
    )
    [answer] = await simulator.place([action], clock.now_ms())
    if isinstance(answer, Accepted):
        return 202, {"ref": answer.ref}, {}
    if isinstance(answer, NotDialled):
        return 422, {"error": answer.reason, "scope": answer.scope}, {}
    return 504, {}, {}


async def _look_up(simulator: SimulatedProvider, asked: dict[str, Any], clock: Clock) -> Any:
    armed_ms, now_ms = _ms(asked["armed_at"]), clock.now_ms()
    [found] = await simulator.find([Lookup(0, UUID(asked["key"]), armed_ms, armed_ms)], now_ms)
    if isinstance(found, NoCall):
        return 200, {"known": False}, {}
    if not isinstance(found, FoundCall):
        return 503, {}, {}
    if found.outcome is None:
        return 200, {"known": True, "ref": found.ref, "status": STATUS[found.state]}, {}
    assert found.ended_at_ms is not None
    return (
        200,
        {
            "known": True,
            "ref": found.ref,
            "status": ENDED.get(found.outcome, found.outcome),
            "at": _instant(found.ended_at_ms),
            "duration_s": found.talk_s,
            "disposition": found.disposition,
        },
        {},
    )


async def _cancel(simulator: SimulatedProvider, asked: dict[str, Any], clock: Clock) -> Any:
    await simulator.hang_up([asked["ref"]], clock.now_ms())
    return 202, {}, {}


ANSWERS = {"attempt": _dial, "lookup": _look_up, "cancel": _cancel}


def _ms(text: str) -> Ms:
    return to_ms(datetime.fromisoformat(text))


def _instant(at_ms: Ms) -> str:
    return datetime.fromtimestamp(at_ms / 1000, EPOCH.tzinfo).isoformat()
