"""Where a trial runs: servers of its own, a proxy before each, an oracle, and processes that come and go."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from redis.asyncio import Redis

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey, valkey_binary
from api.parts import Stores, open_stores
from scheduler.domain.model import Priority
from scheduler.domain.time import SECOND, Ms
from scheduler.flow.enrol import enrol
from scheduler.flow.entries import Entry, read_entry
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Database
from scheduler.ledger.keys import SCOPES, create_key
from scheduler.ledger.migrate import migrate
from scheduler.settings import Settings
from tests.builders import KEYS, TUESDAY_2PM, phones
from tests.cluster.launcher import Cluster
from tests.faults import oracle, worker
from tests.faults.clocks import OffsetClock
from tests.faults.failpoints import Failure
from tests.faults.oracle import Faults, OracleConfig
from tests.faults.processes import Child, Missed
from tests.faults.proxy import Proxy, a_proxy

SCALED: dict[str, Any] = {
    "lease_ms": 800, "permit_s": 0.3, "provider_connect_s": 0.4, "provider_total_s": 0.8,
    "unknown_after_s": 1.5, "write_off_s": 3.0, "sweep_s": 0.2, "overdue_s": 2.0, "reap_s": 0.2,
    "claim_batch": 5, "clock_probe_s": 0.3, "breaker_probe_s": 0.5,
    "postgres_idle_s": 2.0,
}  # fmt: skip
"""Deadlines as in production, but shorter; the rules between them still hold."""

STARTS = 10
CHUNK = 2000
TEMPLATE = "faults_template"
DUE = "next_at <= to_timestamp($1) AND open_until - interval '60 s' > to_timestamp($1)"
"""Due at $1 and held back by no hours: permits end a minute before they do."""

SOON_S = 5.0
"""A first call that is due so soon is waited for as well: what was not sent comes again a moment later."""

ON_ITS_WAY_S = 1.5
"""How long a request may take from our gate to the provider's ear: provider_total_s and some."""

QUIET_AFTER_S = 60.0
"""The longest that everything may take to come to rest once the faults are over: a few seconds, but for a
machine that is busy with other things."""


class Bed:
    """Servers that outlive the trials of one lane; a trial that kills one starts it again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(folder / "vk")
        self.postgres = EmbeddedPostgres(folder / "pg" / "data")
        self._cluster: Cluster | None = None

    def start(self) -> None:
        self.valkey.start()
        self.postgres.start()

    async def prepare(self) -> None:
        """A migrated database that every trial copies."""
        base = await Database.connect(self.postgres.url, max_connections=1)
        async with base.connection() as on:
            if not await on.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
                await on.execute(f"CREATE DATABASE {TEMPLATE}")
        await base.close()
        ledger = await Database.connect(self.ledger_url(TEMPLATE), max_connections=2)
        await migrate(ledger)
        await ledger.close()

    async def cluster(self) -> Cluster:
        """Three servers with a replica each, whole and empty; they run from the first trial that asks."""
        if self._cluster is None:
            self._cluster = Cluster(valkey_binary(), self.folder / "cluster")
            await self._cluster.start()
        return await self._cluster.as_new()

    async def end_cluster(self) -> None:
        if self._cluster is not None:
            await self._cluster.stop()

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()

    def ledger_url(self, name: str) -> str:
        return self.postgres.url.replace("/dialwheel?", f"/{name}?")

    @property
    def postgres_socket(self) -> str:
        return self.postgres.url.partition("host=")[2] + "/.s.PGSQL.5432"

    @property
    def valkey_socket(self) -> str:
        return self.valkey.url.removeprefix("unix://")


class Violation(msgspec.Struct, frozen=True):
    """What must not be: which invariant (RELIABILITY 2), and how."""

    invariant: str
    detail: str


@dataclass
class Acks:
    """What was answered, and when, on the trial's clock: the promises that must hold from then on."""

    opted_out: dict[str, Ms] = field(default_factory=dict)
    paused: list[tuple[Ms, Ms]] = field(default_factory=list)


@dataclass
class Trial:
    """One trial under way: what a fault has at hand."""

    bed: Bed
    dice: random.Random
    clock: OffsetClock
    stores: Stores
    database_name: str
    account_id: int
    agent_id: int
    account: dict[str, Any]
    to_valkey: Proxy
    to_postgres: Proxy
    to_provider: Proxy
    oracle: Child
    oracle_url: str
    history: Path
    logs: Path
    settings: dict[str, Any]
    numbers: list[str]
    sometimes: Counter[str] = field(default_factory=Counter)
    acks: Acks = field(default_factory=Acks)
    children: list[Child] = field(default_factory=list)
    complaints: list[Violation] = field(default_factory=list)
    skews: list[Ms] = field(default_factory=list)
    recovery_s: float | None = None
    rest_ms: Ms | None = None
    """When last nothing was due and nothing under way; follow-ups may have come due since."""
    cluster: Cluster | None = None
    """Where the wheel is instead, in trials of that kind."""
    acked_leads: int = 0
    slow_line: bool = False
    frozen_sends: int = 0
    """Stops that landed between the gate and the send: their dials may be late, and are counted."""

    def hit(self, name: str) -> None:
        self.sometimes[name] += 1

    def complain(self, invariant: str, detail: str) -> None:
        self.complaints.append(Violation(invariant, detail))

    async def dialer(self, failure: Failure | None = None, **how: Any) -> Child:
        """A dialer that runs; `how`: further fields of WorkerConfig."""
        return await self._start("dialer", failure=failure, **how)

    async def scheduler(self, **how: Any) -> Child:
        return await self._start("scheduler", **how)

    async def api(self, **how: Any) -> tuple[Child, str]:
        """An API that serves, and its address."""
        child = await self._start("api", **how)
        return child, (await child.says("READY")).split()[1]

    async def api_key(self) -> str:
        return await create_key(
            self.stores.database, self.account_id, "trial", "test", SCOPES, self.clock.now_ms()
        )

    async def _start(self, role: str, **how: Any) -> Child:
        config = worker.WorkerConfig(role, self.settings, self.clock.offset_ms, str(self.logs), **how)
        self.skews.append(config.skew_ms)
        for _ in range(STARTS):  # as supervisors do while a server is away
            child = Child(worker.run, msgspec.json.encode(config))
            self.children.append(child)
            try:
                await child.says("READY")
            except ChildProcessError:
                await asyncio.sleep(0.5)
            else:
                return child
        last = self.logs.read_text().splitlines()[-1:] if self.logs.exists() else []
        raise ChildProcessError(f"no {role} can be started: {' '.join(last)[:300]}")

    async def provider_faults(self, **shares: float) -> None:
        async with aiohttp.ClientSession() as session:
            body = msgspec.json.encode(Faults(**shares))
            async with session.put(f"{self.oracle_url}/oracle/faults", data=body) as answer:
                assert answer.status == 204

    async def provider_hits(self) -> dict[str, int]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.oracle_url}/oracle/hits") as answer,
        ):
            return dict(msgspec.json.decode(await answer.read()))

    async def enrol(self, count: int, *, early_ms: Ms = 0, **how: Any) -> list[str]:
        """Live leads that nobody has called yet, due since `early_ms`: their phones."""
        fresh = phones(len(self.numbers) + count)[len(self.numbers) :]
        self.numbers += fresh
        await self.enrol_phones(fresh, early_ms=early_ms, **how)
        return fresh

    async def enrol_phones(
        self,
        numbers: list[str],
        *,
        early_ms: Ms = 0,
        account_id: int | None = None,
        agent_id: int | None = None,
        batch_id: int | None = None,
        priority: Priority = Priority.LIVE,
    ) -> None:
        """These leads, of this account and agent where nothing else is said."""
        entries = [read_entry(phone=p, priority=priority, consent={"basis": "test"}) for p in numbers]
        for start in range(0, len(entries), CHUNK):
            enrolled = await enrol(
                self.stores.flow,
                account_id=account_id or self.account_id,
                agent_id=agent_id or self.agent_id,
                batch_id=batch_id,
                entries=[entry for entry in entries[start : start + CHUNK] if isinstance(entry, Entry)],
                now_ms=self.clock.now_ms() - early_ms,
            )
            self.acked_leads += sum(each.action == "created" for each in enrolled)

    def dials(self) -> int:
        """How often a phone has rung so far."""
        return self.history.read_bytes().count(b'"dial"') if self.history.exists() else 0

    async def until_dials(self, count: int, *, most_s: float = 30.0) -> None:
        """Raises Missed when so many are not to be had: whether that is right shows when all is at rest."""
        try:
            async with asyncio.timeout(most_s):
                while self.dials() < count:  # noqa: ASYNC110 - another process writes the file
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise Missed from None

    async def until(self, holds: Callable[[], Awaitable[Any]], *, most_s: float = QUIET_AFTER_S) -> Any:
        """Ask again and again until the answer is something; answers it. Raises TimeoutError."""
        async with asyncio.timeout(most_s):
            while not (answer := await holds()):  # noqa: ASYNC110 - other processes do the work
                await asyncio.sleep(0.02)
        return answer

    async def permits_over(self) -> None:
        """Return when what has its permit by now has rung, or never will."""
        await asyncio.sleep(self.settings["permit_s"] + ON_ITS_WAY_S)

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.stores.database.connection() as on:
            return await on.fetch(sql, *arguments)

    async def value(self, sql: str, *arguments: Any) -> Any:
        return (await self.rows(sql, *arguments))[0][0]

    def refusals(self) -> set[str]:
        """Why arms were refused so far, as the dialers' logs have it."""
        reasons: set[str] = set()
        for line in self.logs.read_bytes().splitlines() if self.logs.exists() else ():
            if b'"arm_refused"' in line:
                reasons |= msgspec.json.decode(line).keys() - {"event", "level", "at"}
        return reasons

    def redis(self) -> Redis:
        return Redis.from_url(self.bed.valkey.url)

    async def wheel_servers(self) -> list[Redis]:
        """A client of each server that holds a part of the wheel; whoever asked closes them."""
        if self.cluster is None:
            return [self.redis()]
        return [Redis(port=node.port, protocol=3) for node in await self.cluster.primaries()]

    async def kill_server(self, server: EmbeddedValkey | EmbeddedPostgres) -> None:
        """kill -9, and wait until it is gone."""
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(server.stop)

    async def quiet(self, *, most_s: float = QUIET_AFTER_S) -> None:
        """Return when nothing is due and nothing is under way. Raises TimeoutError: something is stuck, and
        it is not a call that lasts so long."""
        began_s = time.monotonic()
        limit_s, last_call_s = began_s + most_s, 0.0
        self.rest_ms = None
        while await self._busy(now_ms := self.clock.now_ms()):
            if time.monotonic() > limit_s + last_call_s:
                if last_call_s or (last_call_s := self._calls_left_s()) <= 0:
                    raise TimeoutError
                last_call_s += SOON_S
            await asyncio.sleep(0.05)
        self.recovery_s = time.monotonic() - began_s
        self.rest_ms = now_ms  # of the question, not of its answer: what comes due meanwhile is under way

    def _calls_left_s(self) -> float:
        """Until the last call is over that is under way at the provider."""
        lines = self.history.read_bytes().splitlines() if self.history.exists() else []
        ends_ms = max((msgspec.json.decode(line).get("ends_ms", 0) for line in lines), default=0)
        return (ends_ms - self.clock.now_ms()) / SECOND

    async def _busy(self, now_ms: Ms) -> bool:
        due = (
            "SELECT EXISTS (SELECT FROM loop WHERE open_until - interval '60 s' > to_timestamp($1)"
            " AND next_at <= to_timestamp($1 + CASE attempts WHEN 0 THEN $2 ELSE 0 END))"
            " OR EXISTS (SELECT FROM attempt"
            " WHERE state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call'))"
        )
        try:
            return bool(await self.value(due, now_ms / SECOND, SOON_S))
        except Exception:
            return True  # a server is still coming back


@asynccontextmanager
async def a_trial(
    bed: Bed,
    seed: int,
    *,
    leads: int = 24,
    start_ms: Ms = TUESDAY_2PM,
    early_ms: Ms = 0,
    account: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    clustered: bool = False,
    **settings: Any,
) -> AsyncIterator[Trial]:
    """A fresh ledger, an empty wheel, an oracle, and leads due now; all processes are gone afterwards.
    `clustered`: the wheel is on a cluster, which nothing stands before."""
    name = f"t_{uuid.uuid4().hex[:10]}"
    folder = bed.folder / name
    folder.mkdir()
    clock = OffsetClock(start_ms - time.time_ns() // 1_000_000)
    account = {"max_concurrent": 8, **(account or {})}
    await _copy_database(bed, name)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_drop_database, bed, name)
        cluster = await bed.cluster() if clustered else None
        redis = Redis.from_url(bed.valkey.url)
        await redis.flushall()
        await redis.aclose()
        to_valkey = await stack.enter_async_context(a_proxy(bed.valkey_socket, seed))
        to_postgres = await stack.enter_async_context(a_proxy(bed.postgres_socket, seed))
        history = folder / "dials.ndjson"
        told = OracleConfig(str(history), clock.offset_ms, seed, {"time_scale": 0.01, **(model or {})})
        child = Child(oracle.run, msgspec.json.encode(told))
        stack.push_async_callback(child.end)
        port = int((await child.says("READY")).split()[1])
        to_provider = await stack.enter_async_context(a_proxy(("127.0.0.1", port), seed))
        redis_url = bed.valkey.url if cluster is None else cluster.url
        own = {**SCALED, **settings, "postgres_idle_s": 10.0}  # this process has several trials to look after
        ours = Settings(postgres_url=bed.ledger_url(name), redis_url=redis_url, **own)
        stores = await stack.enter_async_context(
            open_stores(ours, clock, apply_migrations=False, installation_id=uuid.UUID(int=1), keys=KEYS)
        )
        theirs = {
            **SCALED,
            **settings,
            "postgres_url": f"postgresql://dialwheel@127.0.0.1:{to_postgres.port}/{name}",
            "redis_url": f"redis://127.0.0.1:{to_valkey.port}" if cluster is None else cluster.url,
            "sim_url": f"http://127.0.0.1:{to_provider.port}",
            "data_dir": str(folder / "data"),
        }
        account_id = await create_account(stores.database, name="Acme", now_ms=clock.now_ms(), **account)
        agent_id = await create_agent(
            stores.database,
            account_id=account_id,
            name="Ada",
            auto_dialer={"strategy": "followup"},
            now_ms=clock.now_ms(),
        )
        trial = Trial(
            bed, random.Random(seed), clock, stores, name, account_id, agent_id, account, to_valkey,
            to_postgres, to_provider, child, f"http://127.0.0.1:{port}", history, folder / "log.ndjson",
            theirs, [], cluster=cluster,
        )  # fmt: skip
        try:
            if leads:
                await trial.enrol(leads, early_ms=early_ms)
            yield trial
        finally:
            for each in trial.children:
                await each.end()


async def _copy_database(bed: Bed, name: str) -> None:
    base = await Database.connect(bed.postgres.url, max_connections=1)
    try:
        async with base.connection() as on:
            await on.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    finally:
        await base.close()


async def _drop_database(bed: Bed, name: str) -> None:
    base = await Database.connect(bed.postgres.url, max_connections=1)
    try:
        async with base.connection() as on:
            await on.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await base.close()
