"""A whole dialwheel whose stores can be made to fail: the API over HTTP, the services and a dialer.

It runs in real time. Its patience is short, so that a test sees it run out.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import msgspec

from api.assembly import api_app, serving
from api.parts import (
    REPORTS,
    Stores,
    dialing_tasks,
    make_dialing,
    make_services,
    memory_task,
    open_aside,
    open_stores,
    run_until,
    service_tasks,
)
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import instant
from scheduler.clock import ScaledClock
from scheduler.domain.time import Ms
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database
from scheduler.ledger.keys import create_key
from scheduler.ledger.migrate import migrate
from scheduler.settings import Settings
from tests.builders import KEYS, TUESDAY_2PM, phones
from tests.faults.proxy import Line, Proxy, a_proxy

IMPATIENT: dict[str, Any] = {
    "postgres_connect_s": 0.4, "postgres_wait_s": 0.6, "postgres_statement_s": 0.8, "redis_answer_s": 0.6,
    "lease_ms": 2000, "permit_s": 0.3, "provider_connect_s": 0.3, "provider_total_s": 0.5,
    "unknown_after_s": 1.5, "write_off_s": 4.0, "sweep_s": 0.25, "overdue_s": 0.5, "reap_s": 0.25,
    "import_workers": 0, "import_batch_rows": 50,
}  # fmt: skip

PATIENT: dict[str, Any] = {
    "postgres_connect_s": 10.0, "postgres_wait_s": 10.0, "postgres_statement_s": 10.0,
}  # fmt: skip
"""With a ledger that answers at once, or refuses at once: a busy machine's disk is not its trouble."""

BOUND_S = 10.0
"""The longest an answer may take: a connection, a free one, a statement, the clearing up, a busy machine. Who
hangs is given up after five times as long."""

MOST_S = 60.0
"""The longest that anything may take to come, on such a machine."""

RATE = 10
"""Dials a second that the account allows, unless a test says otherwise."""

EVERY_PHONE_RINGS = instant(
    human=0.0, voicemail=0.0, busy=0.0, fax=0.0, dead=0.0, refused=0.0, blocked=0.0
)  # fmt: skip
"""And nobody answers; the next attempt is hours away."""

PROBLEMS = {"dependency-down", "backpressure", "starting"}


class Answer(msgspec.Struct, frozen=True):
    """What a request got, and after how long."""

    status: int
    code: str
    retry_after: str | None
    seconds: float
    body: Any


@dataclass
class House:
    """One installation under trouble. `acked`: phones of leads that were answered with 2xx."""

    name: str
    rate: int
    stores: Stores
    rings: RingLedger
    to_postgres: Proxy
    to_valkey: Proxy
    postgres_url: str
    agent: str
    http: aiohttp.ClientSession
    acked: list[str] = field(default_factory=list)
    claims: int = 0
    _supply: list[str] = field(default_factory=lambda: phones(500))

    async def ask(self, method: str, path: str, body: Any = None, **rest: Any) -> Answer:
        began_s = time.monotonic()
        if body is not None:
            rest["json"] = body
        async with self.http.request(method, path, **rest) as reply:
            data = await reply.read()
            seconds = time.monotonic() - began_s
            parsed = msgspec.json.decode(data) if "json" in reply.content_type else data
            code = parsed.get("code", "") if isinstance(parsed, dict) else ""
            return Answer(reply.status, code, reply.headers.get("Retry-After"), seconds, parsed)

    async def lead(self) -> Answer:
        """A live lead that nobody has seen yet."""
        phone = self._supply.pop()
        answer = await self.ask(
            "POST", "/v1/leads", {"phone": phone, "priority": "live", "agent_id": self.agent,
                                  "consent": {"basis": "test"}},
        )  # fmt: skip
        if answer.status in (200, 201):
            self.acked.append(phone)
        return answer

    async def leads(self, count: int) -> list[Answer]:
        return list(await asyncio.gather(*(self.lead() for _ in range(count))))

    async def taken(self, count: int) -> None:
        """Return when so many leads were taken in: with our short patience a slow disk may refuse some."""
        async with asyncio.timeout(MOST_S):
            while count:
                count -= sum(answer.status == 201 for answer in await self.leads(count))

    async def a_file(self, rows: int) -> Answer:
        """Bulk leads; those of rows that are counted as in are held to be in."""
        numbers = [self._supply.pop() for _ in range(rows)]
        answer = await self.ask(
            "POST", f"/v1/imports?agent_id={self.agent}&name={uuid4().hex}&consent=test&spread_over_s=0",
            headers={"Content-Type": "text/csv"}, data="phone\n" + "\n".join(numbers),
        )  # fmt: skip
        if answer.status == 202 and answer.body["status"] == "done":
            self.acked += numbers
        return answer

    async def everything(self, *, pause: bool = True) -> list[tuple[str, Answer]]:
        """One request to each kind of endpoint, all at once. `pause`: also to one that stops all dialing."""
        asked = {
            "lead": self.lead(),
            "file": self.a_file(5),
            "account": self.ask("GET", "/v1/account"),
            "agents": self.ask("GET", "/v1/agents"),
            "search": self.ask("POST", "/v1/leads/search", {"filter": {"status": "new"}}),
            "opt-out": self.ask("POST", "/v1/dnc/entries", {"phone": "+13055550177", "reason": "asked"}),
            "kept": self.ask(
                "POST", "/v1/leads", {"phone": "+13055550178"}, headers={"Idempotency-Key": uuid4().hex}
            ),
            "wheel": self.ask("GET", "/v1/wheel"),
            "ready": self.ask("GET", "/readyz"),
        }
        if pause:
            asked["pause"] = self.ask("POST", "/v1/account/pause", {"reason": "trouble"})
        return list(zip(asked, await asyncio.gather(*asked.values()), strict=True))

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        """What the ledger holds, asked past every proxy."""
        direct = await Database.connect(self.postgres_url, max_connections=1)
        try:
            async with direct.connection() as on:
                return await on.fetch(sql, *arguments)
        finally:
            await direct.close()

    async def missing(self) -> set[str]:
        """Phones that were acknowledged and are not in the ledger."""
        return set(self.acked) - {row["phone"] for row in await self.rows("SELECT phone FROM lead")}

    def rang(self) -> Counter[str]:
        return Counter(ring.phone for ring in self.rings)

    def most_in_a_second(self, since: int = 0) -> int:
        """Dials in the fullest sliding second, from the ring of that number on."""
        times: list[Ms] = sorted(ring.at_ms for ring in self.rings)[since:]
        return max((sum(at <= other < at + 1000 for other in times) for at in times), default=0)

    async def until_rang(self, *, most_s: float = MOST_S) -> None:
        """Return when every phone that was acknowledged has rung."""
        async with asyncio.timeout(most_s):
            while set(self.acked) - self.rang().keys():  # noqa: ASYNC110 - the provider is asked
                await asyncio.sleep(0.05)

    async def until_taken(self, *, most_s: float = MOST_S) -> None:
        """Return when a lead is taken in again."""
        async with asyncio.timeout(most_s):
            while (await self.lead()).status != 201:  # noqa: ASYNC110 - the API is asked
                await asyncio.sleep(0.1)

    def cut_off(self, proxy: Proxy, line: Line | None = None) -> None:
        """From now on nothing comes through, or what `line` says."""
        proxy.line = line or Line(refuse=True)
        if line is None:
            proxy.cut(reset=True)


def assert_refused(answers: list[tuple[str, Answer]], *, but: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Each with a problem that says when to come again, in time; never a 500."""
    for name, answer in answers:
        assert answer.seconds <= BOUND_S, (name, answer)
        if name not in but:
            assert answer.status == 503, (name, answer)
            assert answer.code in PROBLEMS, (name, answer)
            assert int(answer.retry_after or 0) > 0, (name, answer)


async def assert_whole(house: House) -> None:
    """Nothing acknowledged is missing, each was called, nobody twice, and no backlog at once: a process that
    stands still for a moment may send late what it was given in time, but never a second of it."""
    assert await house.missing() == set()
    await house.until_rang()
    assert set(house.rang().values()) == {1}
    most = house.most_in_a_second()
    assert most <= 2 * house.rate, f"{most} dials in a second, of {house.rate}"


@asynccontextmanager
async def a_house(
    postgres_url: str,
    valkey_url: str,
    folder: Path,
    *,
    tablespace: str = "pg_default",
    rate: int = RATE,
    **settings: Any,
) -> AsyncIterator[House]:
    """On a ledger of its own, in `tablespace`, and the wheel of that server."""
    name = f"h_{uuid4().hex[:10]}"
    base = await Database.connect(postgres_url, max_connections=1)
    async with base.connection() as on:
        await on.execute(f"CREATE DATABASE {name} TABLESPACE {tablespace}")
    await base.close()
    direct_url = postgres_url.replace("/dialwheel?", f"/{name}?")
    direct = await Database.connect(direct_url)
    await migrate(direct)
    await direct.close()
    postgres_socket = postgres_url.partition("host=")[2] + "/.s.PGSQL.5432"
    async with (
        a_proxy(postgres_socket) as to_postgres,
        a_proxy(valkey_url.removeprefix("unix://")) as to_valkey,
    ):
        ours = Settings(
            data_dir=str(folder / name),
            postgres_url=f"postgresql://dialwheel@127.0.0.1:{to_postgres.port}/{name}",
            redis_url=f"redis://127.0.0.1:{to_valkey.port}",
            **{**IMPATIENT, **settings},
        )
        clock = ScaledClock(TUESDAY_2PM, 1.0)
        async with (
            open_stores(
                ours, clock, apply_migrations=False, installation_id=UUID(int=1), keys=KEYS
            ) as stores,
            open_aside(stores) as aside,
            open_aside(stores, REPORTS) as told_aside,
        ):
            rings = RingLedger()
            provider = SimulatedProvider(1, EVERY_PHONE_RINGS, rings)
            app = api_app(stores, provider, aside=told_aside)
            account_id = await create_account(
                stores.database, name="Acme", now_ms=clock.now_ms(), max_dials_per_s=rate
            )
            await create_agent(
                stores.database,
                account_id=account_id,
                name="Ada",
                auto_dialer={"strategy": "followup"},
                now_ms=clock.now_ms(),
            )
            key = await create_key(stores.database, account_id, "t", "test", ("admin",), clock.now_ms())
            stop = asyncio.Event()
            services = make_services(stores, provider.name, provider.find, spools=True)
            services.calendars.period_s = 0.5  # it brings what lanes could not be told
            await services.sweeper.step(clock.now_ms())
            tasks = [
                *service_tasks(stores, services, stop),
                *dialing_tasks(stores, make_dialing(stores, provider, aside), stop),
                memory_task(stores, stop, decides=True),
            ]
            running = asyncio.create_task(run_until(tasks, stop))
            async with serving(app, "127.0.0.1", 0) as url:
                http = aiohttp.ClientSession(
                    url,
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=aiohttp.ClientTimeout(total=5 * BOUND_S),
                )
                agents = await (await http.get("/v1/agents")).json()
                house = House(
                    name,
                    rate,
                    stores,
                    rings,
                    to_postgres,
                    to_valkey,
                    direct_url,
                    agents["data"][0]["id"],
                    http,
                )
                _count_claims(house)
                try:
                    yield house
                finally:
                    to_postgres.heal()
                    to_valkey.heal()
                    stop.set()
                    await running
                    await http.close()


def _count_claims(house: House) -> None:
    """How often the wheel was asked for work and gave some."""
    claim = house.stores.wheel.claim

    async def counted(*arguments: Any, **options: Any) -> Any:
        claimed = await claim(*arguments, **options)
        house.claims += bool(claimed.claims)
        return claimed

    house.stores.wheel.claim = counted  # type: ignore[method-assign]
