"""The live part of one process: a room for each account that somebody listens to, and who may come in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import structlog

from api.live.listener import Listener
from api.live.room import Room
from api.live.ticker import Ticker
from api.live.topics import Topics
from api.problems import Problem
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.insight.events import head_of
from scheduler.insight.ticks import Ticks
from scheduler.insight.wheel_view import WheelViewer
from scheduler.ledger.database import Database
from scheduler.ledger.news import heads
from scheduler.ledger.tenancy import serving
from scheduler.public_ids import PublicIds

log = structlog.get_logger()

LOOK_S = 0.25
"""Between looks at how far events are numbered: one query for all accounts of the process."""

COME_AGAIN_S = 5


class _Kept(NamedTuple):
    room: Room
    tasks: list[asyncio.Task[None]]


class Feed:
    """`per_account`, `at_once`: how many may listen, to one account and in all."""

    def __init__(
        self,
        database: Database,
        ids: PublicIds,
        clock: Clock,
        viewer: WheelViewer,
        *,
        per_account: int,
        at_once: int,
    ) -> None:
        self._database = database
        self._ids = ids
        self._clock = clock
        self._viewer = viewer
        self._per_account = per_account
        self._at_once = at_once
        self._inside: dict[int, int] = {}
        self._rooms: dict[int, _Kept] = {}
        self._opening = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def listening(
        self, account_id: int, topics: Topics, cut: Callable[[], None]
    ) -> AsyncIterator[tuple[Listener, int]]:
        """A listener, and the number of the event after which it hears everything.

        Raises Problem 429 or 503 when there are too many; ServerUnavailable.
        """
        self._let_in(account_id)
        listener = Listener(account_id, topics, cut)
        try:
            room = await self._room(account_id)
            room.listeners.add(listener)
            try:
                yield listener, room.taken
            finally:
                room.listeners.discard(listener)
        finally:
            self._inside[account_id] -= 1
            if not self._inside[account_id]:
                del self._inside[account_id]
                await self._leave(account_id)

    async def close(self) -> None:
        """Everybody's stream ends."""
        self._closed = True
        for kept in self._rooms.values():
            for listener in kept.room.listeners:
                listener.close()
        tasks = [task for kept in self._rooms.values() for task in kept.tasks]
        if self._looking is not None:
            tasks.append(self._looking)
        await _end(tasks)

    def _let_in(self, account_id: int) -> None:
        wait = {"Retry-After": str(COME_AGAIN_S)}
        if self._closed or sum(self._inside.values()) >= self._at_once:
            raise Problem("backpressure", "this server holds as many streams as it may", headers=wait)
        if self._inside.get(account_id, 0) >= self._per_account:
            raise Problem(
                "rate-limited", f"the account has {self._per_account} streams open already", headers=wait
            )
        self._inside[account_id] = self._inside.get(account_id, 0) + 1

    async def _room(self, account_id: int) -> Room:
        async with self._opening:
            kept = self._rooms.get(account_id)
            if kept is None:
                head = await head_of(self._database, account_id)
                room = Room(self._database, self._ids, self._clock, account_id, head.seq)
                ticks = Ticks(self._viewer, self._database, self._clock, account_id)
                ticker = Ticker(room, ticks, self._ids, self._clock)
                works = (room.run(), ticker.measure(), ticker.send())
                kept = _Kept(room, [self._begin(work) for work in works])
                self._rooms[account_id] = kept
                if self._looking is None:
                    with serving(None):  # it looks for all accounts
                        self._looking = self._begin(self._look())
            return kept.room

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        """One that ends by itself has met what nobody foresaw: who listened comes back to new rooms."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("live_events_failed", error=type(error).__name__)
        broken = [
            account_id
            for account_id, kept in self._rooms.items()
            if task is self._looking or task in kept.tasks
        ]
        if task is self._looking:
            self._looking = None
        for account_id in broken:
            kept = self._rooms.pop(account_id)
            for listener in kept.room.listeners:
                listener.close()
            for other in kept.tasks:
                other.cancel()

    async def _leave(self, account_id: int) -> None:
        """The last one turns off the light, unless somebody is coming in."""
        async with self._opening:
            if account_id not in self._inside and (kept := self._rooms.pop(account_id, None)) is not None:
                await _end(kept.tasks)

    async def _look(self) -> None:
        while True:
            with suppress(DialwheelError):
                if self._rooms:
                    for account_id, head in (await heads(self._database, list(self._rooms))).items():
                        if (kept := self._rooms.get(account_id)) is not None:
                            kept.room.hear(head.seq)
            await asyncio.sleep(LOOK_S)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
