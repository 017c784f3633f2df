"""The herald: numbers the news that is committed, tells how batches get on and when they are done, forgets
what is old."""

from __future__ import annotations

from scheduler.clock import Clock
from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.ledger import news
from scheduler.ledger.database import Database

NUMBERED_AT_ONCE = 2000
"""Groups in one statement: some ten thousand events, 20 ms."""

PROGRESS_EVERY_MS: Ms = 5 * SECOND
FINISH_EVERY_S = 5.0
FINISH_SHARE = 0.05
"""Whether batches are done is looked up so often, and takes no more of the ledger's time than this."""

PURGE_EVERY_S = 60.0
PURGED_AT_ONCE = 500


class Herald:
    """Any number of processes may run one: the ledger lets one number at a time.

    `period_s`: how late events are at most, on the Clock; a poll that finds nothing is one look at an empty
    index. `kept_days`: how long they can be read.
    """

    name = "herald"

    def __init__(self, database: Database, clock: Clock, *, period_s: float, kept_days: float) -> None:
        self.period_s = period_s
        self._database = database
        self._clock = clock
        self._kept_ms = int(kept_days * DAY)
        self._touched: set[int] = set()
        self._unfinished: set[int] = set()
        self._finish_at_s = self._purge_at_s = clock.monotonic_s()

    async def step(self, now_ms: Ms) -> None:
        """Raises ServerUnavailable."""
        await self._number()
        if self._touched:
            self._touched -= await news.tell_progress(
                self._database,
                self._touched,
                every_ms=PROGRESS_EVERY_MS,
                wall_ms=self._clock.wall_ms(),
                now_ms=now_ms,
            )
        began_s = self._clock.monotonic_s()
        if self._unfinished and began_s >= self._finish_at_s:
            looked_at, self._unfinished = self._unfinished, set()
            await news.finish_batches(self._database, looked_at, now_ms)
            took_s = self._clock.monotonic_s() - began_s
            self._finish_at_s = began_s + max(FINISH_EVERY_S, took_s / FINISH_SHARE)
        if began_s >= self._purge_at_s:
            while await news.purge(self._database, now_ms - self._kept_ms, most=PURGED_AT_ONCE):
                pass
            self._purge_at_s = began_s + PURGE_EVERY_S

    async def _number(self) -> None:
        while True:
            numbered = await news.number(self._database, most=NUMBERED_AT_ONCE)
            self._touched |= numbered.batch_ids
            self._unfinished |= numbered.batch_ids
            if numbered.groups < NUMBERED_AT_ONCE:
                return
