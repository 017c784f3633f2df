"""A clock that people move: where it was left, and that it is not forgotten."""

from __future__ import annotations

import asyncio

from api.parts.stores import Stores
from scheduler.clock import RealClock, SimulatedClock
from scheduler.domain.time import Ms
from scheduler.ledger.books import latest_instant
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.migrate import migrate
from scheduler.services.service import run_service
from scheduler.settings import Settings


async def last_instant(settings: Settings) -> Ms | None:
    """The latest one that the ledger knows, which is brought up to date; None when it is empty."""
    database = await Database.connect(settings.postgres_url, max_connections=1)
    try:
        await migrate(database)
        return await latest_instant(database)
    finally:
        await database.close()


async def last_moved(settings: Settings) -> SimulatedClock:
    """A clock that goes on where the last one stood, at the speed of a real one; it is never behind that."""
    return SimulatedClock(max(RealClock().now_ms(), await last_instant(settings) or 0), 1.0)


class _Keeper:
    """Keeps where the clock stands."""

    name = "clock-keeper"
    period_s = 1.0

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self, now_ms: Ms) -> None:
        await self._database.execute("simulated_at_keep", to_datetime(now_ms))


def clock_tasks(stores: Stores, stop: asyncio.Event) -> list[asyncio.Task[None]]:
    """None where the clock is the machine's own."""
    if not isinstance(stores.clock, SimulatedClock):
        return []
    keeper = _Keeper(stores.database)
    return [asyncio.create_task(run_service(keeper, stores.clock, stop), name=keeper.name)]
