"""What is done with news while the ledger is away: on disk, told on the wheel, and in as soon as it is back.

The provider is told that we have an event only when it is on disk and the wheel says so: whoever writes
attempts off looks there first. What forbids a call is never put aside: it is in force when the ledger has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from dialer.news import Group, forbids
from dialer.spool import Spool
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError, ServerUnavailable
from scheduler.wheel import TimingWheel
from scheduler.wheel.spools import mark_spool, unmark_spools

log = structlog.get_logger()


TRY_S = 0.5
"""Between two tries to bring something in while the ledger is away."""

SAY_AGAIN_S = 60.0
"""Who holds nothing says so this often: with a wheel that lost its last writes its mark is back."""


class Aside:
    """The spool of one dialer, or of what an API is told by a provider."""

    def __init__(self, spool: Spool, wheel: TimingWheel) -> None:
        self._spool = spool
        self._wheel = wheel
        self._marked = False
        self._marking = asyncio.Lock()
        self._work = asyncio.Event()
        self.ledger_away = False
        """The oldest news could not be committed a moment ago: newer need not be tried."""
        self._work.set()  # also of an empty one: a crash may have come between its last record and its mark

    @property
    def empty(self) -> bool:
        return self._spool.empty

    def what_may(self, group: Group) -> Group:
        """Of this news what may be put aside."""
        return Group(list(group.sent), [event for event in group.events if not forbids(event)])

    async def put(self, group: Group, now_ms: Ms) -> bool:
        """Keep it on disk. Answers whether the provider may be told so.

        Raises ServerUnavailable when there is no room, with nothing kept.
        """
        async with self._marking:
            began = self._spool.empty
            if not await self._spool.put(group):
                raise ServerUnavailable(
                    "the spool is full",
                    "the ledger has been away for long",
                    "see spool_max_mb, or free its disk",
                )
            if began:
                log.warning("spool_begun", sent=len(group.sent), events=len(group.events))
            self.ledger_away = True
            self._work.set()
            await self._mark(now_ms)
        return self._marked

    async def wait(self) -> None:
        """Until there is something to drain, or for `SAY_AGAIN_S`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SAY_AGAIN_S):
                await self._work.wait()

    async def keep_draining(self, drain: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
        """As soon as the ledger is back, and at the start: what is aside goes in, by `drain`."""
        while not stop.is_set():
            await self.wait()
            with suppress(DialwheelError):
                await drain()
                continue
            await asyncio.sleep(TRY_S)

    async def drain(self, commit: Callable[[Group], Awaitable[object]], most: int, now_ms: Ms) -> int:
        """Commit all of it, oldest first, at most so much at a time; answers how much it was.

        Raises ServerUnavailable with the rest still here.
        """
        done = 0
        while not self._spool.empty:
            group, mark = await self._spool.head(most)
            try:
                if group:
                    await commit(group)
            except ServerUnavailable:
                self.ledger_away = True
                async with self._marking:
                    await self._mark(now_ms)
                raise
            if mark is not None:
                await self._spool.drop(mark)
            done += len(group)
            self.ledger_away = False
        async with self._marking:
            if self._spool.empty:
                await unmark_spools(self._wheel, self._spool.names)
                self._marked = False
                self._work.clear()
        if done:
            log.info("spool_drained", news=done)
        return done

    async def _mark(self, now_ms: Ms) -> None:
        """Again at each try: the wheel may have been lost meanwhile."""
        self._marked = False
        with suppress(DialwheelError):
            await mark_spool(self._wheel, self._spool.names[0], now_ms)
            self._marked = True
