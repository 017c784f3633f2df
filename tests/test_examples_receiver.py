"""The example of a dialer of one's own, run as it stands: from a lead to a conversation and back."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from api.assembly import api_app
from api.callback_tokens import CallbackTokens
from dialer.http import HttpClient
from dialer.providers.webhook import WebhookProvider
from dialer.signing import secrets_of, sign
from scheduler.clock import ScaledClock
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.instants import EPOCH
from tests.api.builders import ApiServer
from tests.builders import TUESDAY_2PM, World
from tests.dialer.builders import a_live_lead, dialing, real_time, until
from tests.worlds import OpenWorld, ledger_url, open_world

__all__ = ["ledger_url", "open_world"]

RECEIVER = Path(__file__).resolve().parent.parent / "examples" / "receiver.py"
SECRET = "whsec_" + "c2Vj" * 8


class Exchange:
    """A world whose calls go to the example, and the example."""

    def __init__(self, world: World, receiver: Any, url: str) -> None:
        self.world, self.receiver, self.url = world, receiver, url

    async def ask(self, body: dict[str, Any], *, late_s: int = 0) -> tuple[int, Any]:
        raw = msgspec.json.encode(body)
        headers = sign(secrets_of(SECRET), "m", self.world.clock.wall_ms() // SECOND - late_s, raw)
        async with ClientSession() as session, session.post(self.url, data=raw, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def exchange(open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Exchange]:
    async with an_exchange(open_world, monkeypatch) as exchange:
        yield exchange


@asynccontextmanager
async def an_exchange(open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Exchange]:
    clock = ScaledClock(TUESDAY_2PM, 1.0)
    monkeypatch.setenv("DIALWHEEL_PROVIDER_SECRET", SECRET)
    receiver = loaded(clock, monkeypatch)
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(TestServer(receiver.app))
        url, api_url = str(shop.make_url("/")), ""

        def callback_url(attempt_id: int) -> str:
            return f"{api_url}/v1/providers/webhook/callbacks/{tokens.write(attempt_id)}"

        provider = WebhookProvider(
            HttpClient(url), secrets_of(SECRET), callback_url, lambda: clock.wall_ms() / SECOND
        )
        stack.push_async_callback(provider.close)
        world = await real_time(
            open_world, provider=provider, clock=clock, account={"simulated": False}, provider_secret=SECRET
        )
        tokens = CallbackTokens(world.stores.installation.id_key)
        api = await stack.enter_async_context(ApiServer(api_app(world.stores, provider)))
        api_url = str(api.make_url("")).rstrip("/")
        yield Exchange(world, receiver, url)


def loaded(clock: ScaledClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example as a module, on the same Tuesday as we are."""
    spec = importlib.util.spec_from_file_location("receiver", RECEIVER)
    assert spec is not None
    assert spec.loader is not None
    receiver = importlib.util.module_from_spec(spec)

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wall:
            return cls.fromtimestamp(clock.now_ms() / SECOND, tz or EPOCH.tzinfo)

        def timestamp(self) -> float:
            """What is signed is signed by the clock on the wall, here as in the API."""
            return super().timestamp() + (clock.wall_ms() - clock.now_ms()) / SECOND

    spec.loader.exec_module(receiver)
    monkeypatch.setattr(receiver, "datetime", Wall)
    return receiver


async def test_a_lead_is_called_by_the_example_and_its_reports_complete_the_attempt(exchange: Exchange):
    """Issue 6: out signed and with a key, back through the callback; ringing, answered, ended."""
    world = exchange.world
    async with dialing(world):
        loop_id = await a_live_lead(world)

        async def over() -> bool:
            return bool(await world.rows("SELECT 1 FROM attempt WHERE state = 'done'"))

        await until(over, "the call has ended")

    [attempt] = await world.attempts(loop_id)
    [call] = exchange.receiver.calls.values()
    assert (attempt["outcome"], attempt["talk_s"]) == ("completed", 42)
    assert (attempt["provider"], attempt["provider_call_id"]) == ("webhook", call["ref"])
    assert attempt["answered_at"] is not None
    kinds = await world.rows("SELECT kind FROM provider_event ORDER BY at, received_at")
    assert [row["kind"] for row in kinds] == ["ringing", "answered", "ended"]


async def test_the_example_keeps_the_contract(exchange: Exchange):
    """TELEPHONY 2: the same key, the same answer; no call is denied by what may have forgotten it."""
    now_ms = exchange.world.now_ms

    def at(ms: Ms) -> str:
        return datetime.fromtimestamp(ms / SECOND, EPOCH.tzinfo).isoformat()

    asked = {
        "type": "attempt",
        "key": "k",
        "callback_url": "http://127.0.0.1:9/",
        "arrive_by": at(now_ms + 9000),
    }
    status, first = await exchange.ask(asked)
    assert status == 202
    assert await exchange.ask(asked) == (202, first)
    assert (await exchange.ask({**asked, "key": "late", "arrive_by": at(now_ms - 1)}))[0] == 422
    assert (await exchange.ask(asked, late_s=400))[0] == 401
    assert (await exchange.ask({"type": "cancel", "ref": first["ref"]}))[0] == 202

    def look_up(key: str) -> dict[str, Any]:
        return {"type": "lookup", "key": key, "ref": None, "armed_at": at(now_ms)}

    status, known = await exchange.ask(look_up("k"))
    assert (status, known["known"], known["ref"]) == (200, True, first["ref"])
    assert (await exchange.ask(look_up("late")))[0] == 503
    async with ClientSession() as session, session.post(exchange.url, json=asked) as answer:
        assert answer.status == 401
    for task in exchange.receiver.dialing:
        task.cancel()
