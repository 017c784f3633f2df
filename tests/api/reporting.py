"""An integrator's pen: reports, signed and posted to the API of a world with a live account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from api import provider_inbox
from api.assembly import api_app
from api.callback_tokens import CallbackTokens
from api.parts import REPORTS, open_aside
from api.provider_inbox import ProviderInbox
from api.routes.providers import INBOX
from dialer.signing import sign
from tests.api.builders import ApiServer
from tests.builders import SECOND, ScriptedProvider, World
from tests.outage import Remote
from tests.worlds import OpenWorld

SECRET_TEXT = "whsec_" + "c2Vj" * 8
SECRET = b"sec" * 8


class LiveProvider(ScriptedProvider):
    """Reaches real phones, as far as anybody knows."""

    name = "webhook"
    live = True


@dataclass
class Desk:
    """A world with a live account, its API, and the integrator's pen."""

    world: World
    client: TestClient
    tokens: CallbackTokens

    @property
    def inbox(self) -> ProviderInbox:
        return self.client.server.app[INBOX]  # type: ignore[attr-defined, no-any-return]

    def path(self, attempt_id: int) -> str:
        return f"/v1/providers/webhook/callbacks/{self.tokens.write(attempt_id)}"

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        secrets: list[bytes] | None = None,
        late_s: int = 0,
        **headers: str | None,
    ) -> ClientResponse:
        at_s = self.world.clock.wall_ms() // SECOND - late_s
        signed: dict[str, str | None] = {**sign(secrets or [SECRET], "m", at_s, body)}
        signed |= {"Content-Type": "application/json"}
        signed |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in signed.items() if value is not None}
        return await self.client.post(path, data=body, headers=sent)

    async def report(self, attempt_id: int, status: str, event_id: str | None = None, **said: Any) -> int:
        """How a report on this attempt is answered."""
        named = {"provider_call_id": f"ref-{attempt_id}", "event_id": event_id or f"{status}-1"}
        body = a_report(status=status, **named, **said)
        return (await self.post(self.path(attempt_id), body)).status


def a_report(**said: Any) -> bytes:
    usual = {"provider_call_id": "r", "event_id": "e", "status": "busy", "at": "2026-06-16T18:00:00Z"}
    return msgspec.json.encode({**usual, **said})


async def a_live_world(open_world: OpenWorld, **settings: Any) -> World:
    settings = {"permit_s": 0.2, "provider_secret": SECRET_TEXT, **settings}
    world: World = await open_world(provider=LiveProvider(), account={"simulated": False}, **settings)
    return world


@asynccontextmanager
async def a_desk(open_world: OpenWorld, aiohttp_client: Any, **settings: Any) -> AsyncIterator[Desk]:
    world = await a_live_world(open_world, **settings)
    client = await aiohttp_client(ApiServer(api_app(world.stores, world.provider)))
    yield Desk(world, client, CallbackTokens(world.stores.installation.id_key))


@asynccontextmanager
async def a_desk_apart(world: World, remote: Remote, folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """Of an API that sees the ledger as `remote` shows it, with its spool under `folder`."""
    own = msgspec.structs.replace(world.stores.settings, data_dir=str(folder), **settings)
    stores = replace(world.stores, ledger=remote.database, settings=own)
    async with open_aside(stores, REPORTS) as aside:
        app = api_app(stores, world.provider, aside=aside)
        async with TestClient(ApiServer(app)) as client:
            yield Desk(world, client, CallbackTokens(stores.installation.id_key))


@asynccontextmanager
async def a_slow_ledger(world: World) -> AsyncIterator[None]:
    """Settles wait for as long as the block runs; whoever reports is told so a moment later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider_inbox, "ANSWER_WITHIN_S", 0.2)
        async with world.stores.database.transaction() as on:
            await on.execute("LOCK TABLE lead IN EXCLUSIVE MODE")
            yield


@pytest.fixture
async def desk(open_world: OpenWorld, aiohttp_client: Any) -> AsyncIterator[Desk]:
    """The integrator's, and an API with a ledger that is there."""
    async with a_desk(open_world, aiohttp_client) as desk:
        yield desk
