"""The parts of one process, put together: the one place that knows every class."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import msgspec

from dialer.aside import Aside
from dialer.claimer import Limits
from dialer.gate import Gate
from dialer.providers.base import Provider, always
from dialer.pump import Pump
from dialer.recorder import Recorder
from dialer.spool import open_spool
from dialer.worker import Worker
from scheduler.clock import Clock, RealClock
from scheduler.domain.time import SECOND
from scheduler.errors import MigrationError, StartError
from scheduler.flow.breaker import Breakers
from scheduler.flow.context import Flow
from scheduler.flow.lanes import Lanes
from scheduler.flow.lookup import Find
from scheduler.flow.place_book import PlaceBook
from scheduler.flow.policies import Policies
from scheduler.ledger.accounts import Installation, ensure_installation, refuse_other_shards
from scheduler.ledger.checks import refuse_forgetful
from scheduler.ledger.database import Database
from scheduler.ledger.migrate import migrate, pending
from scheduler.metrics import Metrics
from scheduler.services.calendars import Calendars
from scheduler.services.clock_probe import ClockProbe
from scheduler.services.feeder import Feeder
from scheduler.services.memory import MemoryWatch
from scheduler.services.reaper import Reaper
from scheduler.services.reconciler import Reconciler
from scheduler.services.service import Service, run_service
from scheduler.services.sweeper import Sweeper
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from scheduler.wheel.spools import marked_spools

DIALER_CONNECTIONS = 6
"""One a line that arms, one for the recorder, some for what waits meanwhile."""

DIALER_STATEMENT_S = 5.0
"""The dialer's statements take milliseconds: with one that hangs its news goes to the spool so soon."""

SPOOL_FOLDER = "spool"


@dataclass(frozen=True)
class Stores:
    """What every part stands on. `ledger` is the dialer's own pool: its statements go by key."""

    settings: Settings
    clock: Clock
    database: Database
    ledger: Database
    wheel: TimingWheel
    flow: Flow
    installation: Installation
    metrics: Metrics
    new_id: Callable[[], UUID]


@dataclass(frozen=True)
class Dialing:
    """A dialer: lines that claim, arm and send, and what carries the news back."""

    worker: Worker
    recorder: Recorder
    pump: Pump
    provider: Provider
    probe: ClockProbe | None = None
    breakers: Breakers | None = None


@dataclass(frozen=True)
class Services:
    """What keeps the wheel and the ledger together."""

    feeder: Feeder
    sweeper: Sweeper
    reaper: Reaper
    reconciler: Reconciler
    calendars: Calendars

    def all(self) -> tuple[Service, ...]:
        return (self.sweeper, self.feeder, self.calendars, self.reaper, self.reconciler)


@asynccontextmanager
async def open_stores(
    settings: Settings,
    clock: Clock,
    *,
    apply_migrations: bool,
    new_id: Callable[[], UUID] = uuid4,
    installation_id: UUID | None = None,
    keys: tuple[bytes, bytes] | None = None,
    any_shards: bool = False,
) -> AsyncIterator[Stores]:
    """Connect to both servers, and refuse what could forget a permit or lose what is due. Settings that
    contradict each other were refused before (`check_settings`); clocks are compared before the first permit.

    Raises ServerUnavailable; MigrationError when the schema is behind and `apply_migrations` is off;
    StartError when commits do not wait for the disk, or when the wheel's server evicts keys; SettingsError
    when the ledger has another number of shards: `any_shards` takes the ledger's instead.
    """
    async with AsyncExitStack() as stack:
        connect = partial(
            Database.connect,
            settings.postgres_url,
            connect_s=settings.postgres_connect_s,
            wait_s=settings.postgres_wait_s,
        )
        database = await connect(
            max_connections=settings.postgres_connections, statement_s=settings.postgres_statement_s
        )
        stack.push_async_callback(database.close)
        await _ready_schema(database, apply_migrations)
        ledger = await connect(
            max_connections=DIALER_CONNECTIONS,
            statement_s=min(DIALER_STATEMENT_S, settings.postgres_statement_s),
            point_reads=True,
        )
        stack.push_async_callback(ledger.close)
        for each in (database, ledger):
            await refuse_forgetful(each)
        installation = await ensure_installation(
            database,
            now_ms=clock.now_ms(),
            installation_id=installation_id,
            keys=keys,
            shards=settings.shards,
        )
        if any_shards:
            settings = msgspec.structs.replace(settings, shards=installation.shards)
        await refuse_other_shards(database, settings.shards)
        wheel = await TimingWheel.connect(
            settings.redis_url,
            shards=settings.shards,
            slot_ms=settings.slot_ms,
            lease_ms=settings.lease_ms,
            call_ms=settings.call_ms,
            floor_share=settings.bulk_floor,
            answer_timeout_s=settings.redis_answer_s,
        )
        stack.push_async_callback(wheel.close)
        flow = make_flow(settings, clock, database, wheel, installation)
        yield Stores(settings, clock, database, ledger, wheel, flow, installation, Metrics(), new_id)


def make_flow(
    settings: Settings, clock: Clock, database: Database, wheel: TimingWheel, installation: Installation
) -> Flow:
    """Throttles may let out at once what comes due in one breath of the clock: a second of a real one, a
    quantum of a stepped one, twenty real milliseconds of a fast one."""
    burst_s = settings.throttle_burst_s
    burst_s = max(burst_s, clock.speed * 0.02) if clock.speed else max(burst_s, settings.quantum_s)
    return Flow(
        database=database,
        wheel=wheel,
        policies=Policies(database, seed=settings.seed),
        lanes=Lanes(database, wheel, burst_s=burst_s, shards=settings.shards),
        places=PlaceBook(database),
        horizon_ms=settings.horizon_s * SECOND,
        close_margin_ms=int(settings.close_margin_s * SECOND),
        phone_key=installation.phone_key,
        spread_ms=settings.batch_spread_s * SECOND,
        stock_horizons=settings.stock_horizons,
        least_horizon_ms=int(2 * settings.feed_s * SECOND),  # the feeder comes by twice in it
        memory_share=settings.wheel_memory_share,
    )


@asynccontextmanager
async def open_aside(stores: Stores) -> AsyncIterator[Aside]:
    """Where this process's dialer keeps news while the ledger is away: under the data directory, with what
    dialers left there that are gone. Another ledger's is left alone: its attempts are others."""
    settings = stores.settings
    folder = settings.data_path / SPOOL_FOLDER / stores.installation.installation_id.hex
    try:
        spool = await asyncio.to_thread(
            open_spool, folder, max_bytes=settings.spool_max_mb * 1_000_000, new_id=stores.new_id
        )
    except OSError as error:
        raise StartError(
            "the spool cannot be opened",
            f"{folder}: {error.strerror}",
            "let this user write there, or name another folder with data_dir",
        ) from error
    try:
        yield Aside(spool, stores.wheel)
    finally:
        spool.close()


def make_dialing(stores: Stores, provider: Provider, aside: Aside | None = None) -> Dialing:
    """`aside`: where news waits while the ledger is away; without it, in memory and with the provider."""
    settings = stores.settings
    probe, breakers = make_probe(stores), make_breakers(stores)
    recorder = Recorder(
        stores.flow,
        stores.ledger,
        provider,
        stores.clock,
        stores.metrics,
        group_commit_s=settings.group_commit_ms / 1000,
        aside=aside,
    )
    worker = Worker(
        stores.flow,
        stores.ledger,
        provider,
        recorder,
        stores.clock,
        stores.metrics,
        Gate(
            stores.clock,
            permit_s=settings.permit_s,
            slack_ms=settings.wall_slack_ms,
            step_ms=settings.wall_step_ms,
            lease_s=settings.lease_ms / SECOND,
        ),
        Limits(
            claim_batch=settings.claim_batch,
            claim_ahead_ms=settings.claim_ahead_ms,
            claims_held=settings.claims_held,
            dial_lines=settings.dial_lines,
            line_failures=settings.line_failures,
        ),
        name=f"{os.uname().nodename}-{os.getpid()}",
        installation_id=stores.installation.installation_id,
        new_id=stores.new_id,
        permit_s=settings.permit_s,
        send_s=send_s(settings),
        may_arm=always if probe is None else probe.may_arm,
        breakers=breakers,
    )
    pump = Pump(
        provider,
        recorder,
        worker.dialled,
        stores.clock,
        may_carry=always if probe is None else probe.may_arm,
    )
    return Dialing(worker, recorder, pump, provider, probe, breakers)


def make_breakers(stores: Stores) -> Breakers | None:
    """None where settings say so, and on a stepped clock: its network fails as its model says."""
    settings = stores.settings
    if not (settings.breaker_failures and stores.clock.speed):
        return None
    return Breakers(
        stores.flow,
        stores.clock,
        stores.metrics,
        failures=settings.breaker_failures,
        window_s=settings.breaker_window_s,
        probe_s=settings.breaker_probe_s,
    )


def make_probe(stores: Stores) -> ClockProbe | None:
    """Only where the Clock is the real one, leases and hours hang on the machine's."""
    if stores.clock.speed != 1.0 or not isinstance(stores.clock, RealClock):
        return None
    return ClockProbe(
        stores.flow,
        stores.clock,
        stores.metrics,
        period_s=stores.settings.clock_probe_s,
        alarm_ms=stores.settings.clock_alarm_ms,
        stop_ms=stores.settings.clock_stop_ms,
    )


def breaker_tasks(breakers: Breakers | None, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    if breakers is None:
        return []
    return [asyncio.create_task(breakers.run(stop), name="breakers")]


def probe_tasks(stores: Stores, probe: ClockProbe | None, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    if probe is None:
        return []
    return [asyncio.create_task(run_service(probe, stores.clock, stop), name=probe.name)]


def make_services(
    stores: Stores, provider_name: str, find: Find | None = None, *, spools: bool = False
) -> Services:
    """`find` asks the provider what became of attempts; `spools`: dialers have some. On a fast clock a
    deadline is the Clock's time and, on top, what our own work takes in real time."""
    settings = stores.settings
    slack_s = 30 * max(0.0, stores.clock.speed - 1)
    return Services(
        Feeder(stores.flow, period_s=settings.feed_s),
        Sweeper(
            stores.flow,
            shards=settings.shards,
            period_s=settings.sweep_s,
            overdue_s=settings.overdue_s + slack_s,
            call_ms=settings.call_ms,
            new_id=stores.new_id,
        ),
        Reaper(
            stores.flow,
            stores.ledger,
            stores.clock,
            shards=settings.shards,
            period_s=settings.reap_s,
        ),
        Reconciler(
            stores.flow,
            stores.ledger,
            stores.clock,
            period_s=settings.reap_s,
            send_s=send_s(settings) * max(1.0, stores.clock.speed),
            unknown_after_s=settings.unknown_after_s + slack_s,
            write_off_s=settings.write_off_s + slack_s,
            provider=provider_name,
            installation_id=stores.installation.installation_id,
            find=find,
            spools=partial(marked_spools, stores.wheel) if spools else None,
            spool_wait_s=settings.spool_wait_s,
        ),
        Calendars(stores.flow, reload_s=60 if stores.clock.speed else 86_400),
    )


def send_s(settings: Settings) -> float:
    """Real seconds after its permit was asked for in which a request may still reach the provider."""
    return settings.permit_s + settings.provider_total_s


def service_tasks(stores: Stores, services: Services, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """The services; while the clocks are apart they do nothing: they would end leases and calls too soon."""
    probe = make_probe(stores)
    if probe is None:
        return [
            asyncio.create_task(run_service(service, stores.clock, stop), name=service.name)
            for service in services.all()
        ]
    probed = asyncio.create_task(probe.step(stores.clock.now_ms()))

    async def run(service: Service) -> None:
        await asyncio.wait([probed])
        await run_service(service, stores.clock, stop, may_step=probe.may_arm)

    tasks = [asyncio.create_task(run(service), name=service.name) for service in services.all()]
    return [*tasks, *probe_tasks(stores, probe, stop)]


def memory_task(stores: Stores, stop: asyncio.Event, *, decides: bool) -> asyncio.Task[None]:
    """Every process follows how far ahead work is put on the wheel; one with a feeder `decides`."""
    watch = MemoryWatch(stores.flow, period_s=stores.settings.sweep_s, decides=decides)
    return asyncio.create_task(run_service(watch, stores.clock, stop), name=watch.name)


def dialing_tasks(stores: Stores, dialing: Dialing, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """The recorder stops last: what the claimers have sent by then is written down."""

    async def dial(shard: int) -> None:
        if dialing.probe is not None:  # before the first permit, not five seconds after it
            await dialing.probe.step(stores.clock.now_ms())
        await dialing.worker.run(shard, stop)

    claimers = [
        asyncio.create_task(dial(shard), name=f"dialer-{shard}") for shard in range(stores.settings.shards)
    ]
    sent_all = asyncio.Event()

    async def claimers_over() -> None:
        await asyncio.wait(claimers)
        sent_all.set()

    return [
        *claimers,
        *probe_tasks(stores, dialing.probe, stop),
        *breaker_tasks(dialing.breakers, stop),
        asyncio.create_task(claimers_over(), name="claimers"),
        asyncio.create_task(dialing.recorder.run(sent_all), name="recorder"),
        asyncio.create_task(dialing.pump.run(stop), name="pump"),
    ]


async def run_until(tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Until `stop` is set and every task has finished its work; a task that fails stops the others and its
    error is raised."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        done, late = await asyncio.wait(tasks, timeout=10)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in done:
            if (error := task.exception()) is not None:
                raise error
    finally:
        stopped.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ready_schema(database: Database, apply_migrations: bool) -> None:
    if apply_migrations:
        await migrate(database)
        return
    missing = await pending(database)
    if missing:
        raise MigrationError(
            "the ledger's schema is behind this version",
            f"{len(missing)} migrations are missing, the first is {missing[0]}",
            "run: dialwheel migrate",
        )
