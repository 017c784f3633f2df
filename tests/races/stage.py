"""Where races are run: an API over real HTTP, two dialers, and a provider that notes when a call arrives.

All of it lives in one process, on one clock, with real stores: what races is decided in Postgres and at the
gate, and acknowledgements and arrivals are read from the same monotonic clock.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web

from api.app import make_app, make_runner
from api.deps import Deps
from api.parts import Stores, dialing_tasks, make_dialing, make_services, open_stores, run_until
from dialer.providers.base import HELD, Accepted, Action, MayLeave, PlaceResult, ProviderEvent, always
from scheduler.clock import RealClock
from scheduler.domain.model import Priority
from scheduler.domain.time import SECOND, Ms
from scheduler.flow.enrol import enrol
from scheduler.flow.entries import Entry, read_entry
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.caller_ids import create_caller_id, create_pool
from scheduler.ledger.keys import SCOPES, create_key
from scheduler.ledger.trunks import create_trunk
from scheduler.public_ids import PublicIds
from scheduler.settings import Settings
from tests.builders import KEYS, phones

PERMIT_S = 0.3
"""W, shorter than in production so that a run has more races; the rules between deadlines still hold."""

NEW_YORK = (212, 646, 718, 917, 347, 929, 332, 516, 631, 914)
POOL_NUMBERS = ("+12125550198", "+12125550199")


class LeapingClock(RealClock):
    """Real seconds on another day; `leap_to` goes on from a later instant."""

    def __init__(self, start_ms: Ms) -> None:
        self._offset_ms = start_ms - time.time_ns() // 1_000_000

    def now_ms(self) -> Ms:
        return time.time_ns() // 1_000_000 + self._offset_ms

    def seconds_until(self, at_ms: Ms) -> float:
        return (at_ms - self._offset_ms) / SECOND - time.time_ns() / 1e9

    def leap_to(self, at_ms: Ms) -> None:
        self._offset_ms += at_ms - self.now_ms()


class Arrival(msgspec.Struct, frozen=True):
    """A call reached the provider: `at_s` on the monotonic clock, `clock_ms` on the Clock."""

    at_s: float
    clock_ms: Ms
    not_after_ms: Ms
    caller_id: str | None


class CountingProvider:
    """Takes every call that may leave and remembers when it came.

    As at a real one there is a way to go before the last question, whether the request may leave: mostly a
    few milliseconds; for the share `stalls` of the requests as long as a permit lasts, a half more or less.
    """

    name = "races"
    live = False

    def __init__(self, clock: LeapingClock, dice: random.Random, *, stalls: float) -> None:
        self._clock = clock
        self._dice = dice
        self._stalls = stalls
        self.arrivals: defaultdict[int, list[Arrival]] = defaultdict(list)
        self.stalled: set[int] = set()
        self.held = 0
        self.hung_up = 0
        self.under_way = 0

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        self.under_way += 1
        try:
            if self._dice.random() < self._stalls:
                self.stalled |= {action.attempt_id for action in actions}
                await asyncio.sleep(PERMIT_S * (0.5 + self._dice.random()))
            else:
                await asyncio.sleep(0.006 * self._dice.random())
            if not may_leave():
                self.held += len(actions)
                return [HELD] * len(actions)
            at_s, clock_ms = time.monotonic(), self._clock.now_ms()
            for action in actions:
                arrival = Arrival(at_s, clock_ms, action.not_after_ms, action.caller_id)
                self.arrivals[action.attempt_id].append(arrival)
            return [Accepted(f"ref-{action.attempt_id}") for action in actions]
        finally:
            self.under_way -= 1

    async def hang_up(self, refs: list[str]) -> None:
        self.hung_up += len(refs)

    def next_event_at(self) -> Ms | None:
        return None

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        return []

    async def acknowledge(self, event_ids: list[str]) -> None: ...


@dataclass
class Site:
    """An account with an agent, lines to switch between, and numbers nobody has called yet."""

    account_id: int
    agent_id: int
    pools: tuple[int, int]
    trunk_id: int
    key: str
    fresh: list[str]


@dataclass
class Stage:
    """What a race has at hand. `stores` are the API's; the dialers have their own."""

    stores: Stores
    clock: LeapingClock
    provider: CountingProvider
    services: Any
    sites: list[Site]
    ids: PublicIds
    session: aiohttp.ClientSession
    url: str
    dice: random.Random

    async def ask(self, site: Site, method: str, path: str, body: Any) -> float:
        """One request; answers the monotonic instant at which a 2xx was here. Anything else is an error."""
        headers = {"Authorization": f"Bearer {site.key}", "If-Match": "*"}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as answer:
            acked_s = time.monotonic()
            assert answer.status in (200, 201), (answer.status, await answer.text())
            return acked_s

    async def enrol(
        self, site: Site, count: int, due_ms: Ms, *, batch_id: int | None = None
    ) -> list[tuple[str, int]]:
        """Live leads that are due at that instant: phone and loop of each."""
        numbers, site.fresh = site.fresh[:count], site.fresh[count:]
        assert len(numbers) == count, "no numbers left"
        read = [read_entry(phone=p, priority=Priority.LIVE, consent={"basis": "test"}) for p in numbers]
        entries = [entry for entry in read if isinstance(entry, Entry)]
        enrolled = await enrol(
            self.stores.flow, account_id=site.account_id, agent_id=site.agent_id, entries=entries,
            now_ms=due_ms, batch_id=batch_id,
        )  # fmt: skip
        assert all(each.next_at_ms == due_ms for each in enrolled), "they are due when they were to be"
        return [(p, each.loop_id) for p, each in zip(numbers, enrolled, strict=True) if each.loop_id]

    async def until(self, at_ms: Ms) -> None:
        await asyncio.sleep(max(0.0, self.clock.seconds_until(at_ms)))

    async def nothing_under_way(self) -> None:
        """Every request to the provider is over, those that stalled as well."""
        while self.provider.under_way:  # noqa: ASYNC110 - the dialers are on their own
            await asyncio.sleep(0.01)

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.stores.database.connection() as on:
            return await on.fetch(sql, *arguments)


@asynccontextmanager
async def a_stage(
    postgres_url: str, redis_url: str, *, start_ms: Ms, seed: int, sites: int, stalls: float
) -> AsyncIterator[Stage]:
    """Open the stores of three processes, make the accounts, serve the API, and let two dialers run."""
    clock, dice = LeapingClock(start_ms), random.Random(seed)
    provider = CountingProvider(clock, dice, stalls=stalls)
    settings = Settings(
        postgres_url=postgres_url, redis_url=redis_url, permit_s=PERMIT_S, claim_batch=4, import_workers=0
    )
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(
                open_stores(settings, clock, apply_migrations=True, installation_id=UUID(int=1), keys=KEYS)
            )
            for _ in range(3)
        ]
        stores, *theirs = opened
        services = make_services(stores, provider.name)
        await services.sweeper.step(clock.now_ms())
        accounts = [await _a_site(stores, clock.now_ms(), number) for number in range(sites)]
        await services.calendars.step(clock.now_ms())
        url = await _serve(stack, stores, provider)
        connector = aiohttp.TCPConnector(limit=100)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        stop = asyncio.Event()
        dialers = [
            asyncio.create_task(run_until(dialing_tasks(s, make_dialing(s, provider), stop), stop))  # type: ignore[arg-type]
            for s in theirs
        ]
        ids = PublicIds(stores.installation.id_key)
        try:
            yield Stage(stores, clock, provider, services, accounts, ids, session, url, dice)
        finally:
            stop.set()
            await asyncio.gather(*dialers)


async def _serve(stack: AsyncExitStack, stores: Stores, provider: CountingProvider) -> str:
    deps = Deps(
        settings=stores.settings, clock=stores.clock, flow=stores.flow,
        id_key=stores.installation.id_key, hang_up=provider.hang_up,
    )  # fmt: skip
    runner = make_runner(make_app(deps))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _a_site(stores: Stores, now_ms: Ms, number: int) -> Site:
    database = stores.database
    account_id = await create_account(
        database, name=f"Acme {number}", now_ms=now_ms, max_concurrent=1_000_000
    )
    agent_id = await create_agent(
        database, account_id=account_id, name="Ada", auto_dialer={"strategy": "followup"}, now_ms=now_ms
    )
    pools = []
    for name, phone in zip(("one", "two"), POOL_NUMBERS, strict=True):
        caller = await create_caller_id(
            database, account_id=account_id, phone=phone, daily_cap=1_000_000, now_ms=now_ms
        )
        async with database.transaction() as on:
            pools.append(
                await create_pool(
                    database, on, account_id=account_id, name=name, strategy="local",
                    caller_id_ids=[caller], now_ms=now_ms,
                )
            )  # fmt: skip
    trunk_id = await create_trunk(database, account_id=account_id, name="line", now_ms=now_ms)
    key = await create_key(database, account_id, "races", "test", SCOPES, now_ms)
    return Site(account_id, agent_id, (pools[0], pools[1]), trunk_id, key, _fresh())


def _fresh() -> list[str]:
    numbers: Sequence[str] = phones(1000, NEW_YORK)
    return [number for number in numbers if number not in POOL_NUMBERS]
