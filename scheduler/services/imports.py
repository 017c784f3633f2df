"""Files that nobody receives any more: their API was killed, and the ledger still says `receiving`; or their
parts were never completed. And the parts of files that are over."""

from __future__ import annotations

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import HOUR, Ms
from scheduler.flow.context import Flow
from scheduler.ledger.import_parts import drop_parts, end_stale
from scheduler.ledger.instants import to_datetime

log = structlog.get_logger()

SLACK_S = 60.0
"""Whoever still receives a file breaks it off before this service does, and says from which line to go on."""


class Abandoned:
    """Ends imports of which nothing came for `silence_s` and some, as failed. What is in stays; sent again,
    whole, the file adds the rest.

    Real time counts, and only what this process saw pass: after a start it waits as long again. Parts are
    kept for `parts_h` of the Clock's time, which its stored instants are on.
    """

    name = "abandoned-imports"

    def __init__(self, flow: Flow, clock: Clock, *, silence_s: float, parts_h: int = 24) -> None:
        self._flow = flow
        self._clock = clock
        self._silence_s = silence_s + SLACK_S
        self._parts_ms = parts_h * HOUR
        self.period_s = silence_s / 10
        self._seen: dict[int, tuple[int, int, float]] = {}  # import -> bytes, rows, since when

    async def step(self, now_ms: Ms) -> None:
        now_s = self._clock.monotonic_s()
        rows = await self._flow.database.fetch("imports_receiving")
        before, self._seen = self._seen, {}
        for row in rows:
            came = (row["bytes"], row["rows"])
            *known, since_s = before.get(row["import_id"], (-1, -1, now_s))
            if tuple(known) != came:
                since_s = now_s
            self._seen[row["import_id"]] = (*came, since_s)
            if now_s - since_s >= self._silence_s:
                await self._give_up(row["import_id"], *came, now_ms)
        await end_stale(self._flow.database, before_ms=now_ms - self._parts_ms, now_ms=now_ms)
        await drop_parts(self._flow.database)

    async def _give_up(self, import_id: int, bytes_: int, rows: int, now_ms: Ms) -> None:
        ended = await self._flow.database.fetch(
            "import_give_up", import_id, bytes_, rows, to_datetime(now_ms)
        )
        if ended:
            log.warning("import_abandoned", import_id=import_id, rows=rows)
