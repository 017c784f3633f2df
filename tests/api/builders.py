"""A whole API on real stores, with accounts, agents and keys; what does not matter is filled in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import ClientResponse
from aiohttp.abc import AbstractResolver
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import AppRunner

from api.app import make_app, make_runner
from api.deps import Deps
from scheduler.clock import SteppedClock
from scheduler.domain.time import HOUR, MINUTE, Ms
from scheduler.flow.context import Flow
from scheduler.flow.lanes import Lanes
from scheduler.flow.place_book import PlaceBook
from scheduler.flow.policies import Policies
from scheduler.ledger.accounts import create_account, create_agent, ensure_installation
from scheduler.ledger.database import Database
from scheduler.ledger.keys import SCOPES, create_key
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel

NOON_ON_A_TUESDAY: Ms = 1_781_632_800_000  # 2026-06-16T18:00:00Z: 14:00 in New York, 12:00 in Denver
PHONE = "+12125550123"  # New York
OTHER_PHONE = "+12125550124"
PERMIT_S = 0.02
"""A change is answered once permits of before have run out: short, but where that wait is what is tested."""
LONG_PERMIT_S = 0.2
EPOCH = "e1"
LIVE_PRESET = {"enabled": True, "strategy": "followup"}


class ApiServer(TestServer):
    """Serves the app as the processes do."""

    __test__ = False

    async def _make_runner(self, **_: Any) -> AppRunner:
        return make_runner(self.app)


@dataclass
class HungUp:
    """A provider's hang_up that only remembers."""

    refs: list[str] = field(default_factory=list)

    async def __call__(self, refs: list[str]) -> None:
        self.refs += refs


@dataclass
class Tenant:
    account_id: int
    agent_id: int
    key: str


@dataclass
class Site:
    """The running API and what stands behind it. `home`: whose key is sent unless told otherwise."""

    client: TestClient
    deps: Deps
    clock: SteppedClock
    home: Tenant
    hung_up: HungUp

    @property
    def flow(self) -> Flow:
        return self.deps.flow

    @property
    def database(self) -> Database:
        return self.deps.flow.database

    @property
    def agent(self) -> str:
        return self.deps.ids.write("agt", self.home.agent_id)

    async def send(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **rest: Any,
    ) -> ClientResponse:
        sent = {"Authorization": f"Bearer {self.home.key if key is None else key}", **(headers or {})}
        return await self.client.request(method, path, headers=sent, **rest)

    async def get(self, path: str, **rest: Any) -> ClientResponse:
        return await self.send("GET", path, **rest)

    async def post(self, path: str, body: Any = None, **rest: Any) -> ClientResponse:
        if body is not None:
            rest["json"] = body
        return await self.send("POST", path, **rest)

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return await connection.fetch(sql, *arguments)


async def a_flow(database: Database, wheel: TimingWheel, phone_key: bytes = b"p" * 32) -> Flow:
    return Flow(
        database=database,
        wheel=wheel,
        policies=Policies(database, seed=1),
        lanes=Lanes(database, wheel, burst_s=1),
        places=PlaceBook(database),
        horizon_ms=HOUR,
        close_margin_ms=MINUTE,
        phone_key=phone_key,
    )


async def a_tenant(
    database: Database,
    name: str = "Acme",
    *,
    scopes: Collection[str] = SCOPES,
    environment: str = "test",
    auto_dialer: dict[str, Any] | None = None,
    now_ms: Ms = NOON_ON_A_TUESDAY,
    **account: Any,
) -> Tenant:
    account_id = await create_account(database, name=name, now_ms=now_ms, **account)
    agent_id = await create_agent(
        database,
        account_id=account_id,
        name=f"{name} agent",
        auto_dialer=auto_dialer or LIVE_PRESET,
        now_ms=now_ms,
    )
    key = await create_key(database, account_id, "test", environment, scopes, now_ms)
    return Tenant(account_id, agent_id, key)


async def a_site(
    aiohttp_client: Any,
    database: Database,
    wheel: TimingWheel,
    *,
    settings: Settings | None = None,
    resolver: AbstractResolver | None = None,
) -> Site:
    keys = (b"i" * 32, b"p" * 32)
    installation = await ensure_installation(
        database, now_ms=NOON_ON_A_TUESDAY, installation_id=UUID(int=1), keys=keys
    )
    flow = await a_flow(database, wheel, installation.phone_key)
    clock = SteppedClock(NOON_ON_A_TUESDAY)
    hung_up = HungUp()
    deps = Deps(
        settings=settings or Settings(permit_s=PERMIT_S, import_workers=0),
        clock=clock,
        flow=flow,
        id_key=installation.id_key,
        hang_up=hung_up,
        resolver=resolver,
    )
    home = await a_tenant(database)
    client = await aiohttp_client(ApiServer(make_app(deps)))
    return Site(client, deps, clock, home, hung_up)


def a_lead(**fields: Any) -> dict[str, Any]:
    """A live lead's body for POST /v1/leads, but for its agent."""
    return {"phone": PHONE, "priority": "live", **fields}
