"""The herald: numbers the news that is committed, tells how batches get on, forgets what is old."""

from __future__ import annotations

from scheduler.clock import Clock
from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.ledger import news
from scheduler.ledger.database import Database

NUMBERED_AT_ONCE = 2000
"""Groups in one statement: some ten thousand events, 20 ms."""

PROGRESS_EVERY_MS: Ms = 5 * SECOND
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
        self._purged_s: float | None = None

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
        now_s = self._clock.monotonic_s()
        if self._purged_s is None or now_s - self._purged_s >= PURGE_EVERY_S:
            while await news.purge(self._database, now_ms - self._kept_ms, most=PURGED_AT_ONCE):
                pass
            self._purged_s = now_s

    async def _number(self) -> None:
        while True:
            numbered = await news.number(self._database, most=NUMBERED_AT_ONCE)
            self._touched |= numbered.batch_ids
            if numbered.groups < NUMBERED_AT_ONCE:
                return
