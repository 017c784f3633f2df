"""What every part stands on: both servers, the clock, and the caches of one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import SECOND
from scheduler.errors import MigrationError
from scheduler.flow.context import Flow
from scheduler.flow.lanes import Lanes
from scheduler.flow.place_book import PlaceBook
from scheduler.flow.policies import Policies
from scheduler.ledger.accounts import Installation, ensure_installation, refuse_other_shards
from scheduler.ledger.checks import refuse_forgetful
from scheduler.ledger.database import Database
from scheduler.ledger.migrate import migrate, pending
from scheduler.metrics import Metrics
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel

DIALER_CONNECTIONS = 6
"""One a line that arms, one for the recorder, some for what waits meanwhile."""

BOOK_CONNECTIONS = 2
"""For places and lanes, which are made and looked up while a transaction of another pool stands: whoever has
one of these waits for nothing else, so it comes free however many transactions wait for it."""

DIALER_STATEMENT_S = 5.0
"""The dialer's statements take milliseconds: with one that hangs its news goes to the spool so soon."""


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
            idle_s=settings.postgres_idle_s,
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
        books = await connect(max_connections=BOOK_CONNECTIONS, statement_s=settings.postgres_statement_s)
        stack.push_async_callback(books.close)
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
        flow = make_flow(settings, clock, database, books, wheel, installation)
        yield Stores(settings, clock, database, ledger, wheel, flow, installation, Metrics(), new_id)


def make_flow(
    settings: Settings,
    clock: Clock,
    database: Database,
    books: Database,
    wheel: TimingWheel,
    installation: Installation,
) -> Flow:
    """`books`: of connections that no transaction holds, for places and lanes.

    Throttles may let out at once what comes due in one breath of the clock: a second of a real one, a
    quantum of a stepped one, twenty real milliseconds of a fast one."""
    burst_s = settings.throttle_burst_s
    burst_s = max(burst_s, clock.speed * 0.02) if clock.speed else max(burst_s, settings.quantum_s)
    return Flow(
        database=database,
        wheel=wheel,
        policies=Policies(database, seed=settings.seed),
        lanes=Lanes(books, wheel, burst_s=burst_s, shards=settings.shards),
        places=PlaceBook(books),
        horizon_ms=settings.horizon_s * SECOND,
        close_margin_ms=int(settings.close_margin_s * SECOND),
        phone_key=installation.phone_key,
        spread_ms=settings.batch_spread_s * SECOND,
        stock_horizons=settings.stock_horizons,
        least_horizon_ms=int(2 * settings.feed_s * SECOND),  # the feeder comes by twice in it
        memory_share=settings.wheel_memory_share,
    )


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
