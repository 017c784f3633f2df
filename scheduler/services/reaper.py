"""The reaper: claims whose dialer is gone go back to their lanes."""

from __future__ import annotations

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.ledger.database import Database
from scheduler.services.apart import Apart
from scheduler.wheel import Claim, Release

log = structlog.get_logger()

MOST = 500
"""Loops taken back in one step of a shard."""


class Reaper:
    """Takes expired claims away, in an order that never frees the slot of a call: first it looks, then it
    asks the ledger which of those loops are in a call, then it takes what the same claim holds still. Until
    then nobody else can claim them; and a dialer that comes back in between finds its lease over."""

    name = "reaper"

    def __init__(self, flow: Flow, ledger: Database, clock: Clock, *, shards: int, period_s: float) -> None:
        self._flow = flow
        self._ledger = ledger
        self._clock = clock
        self._shards = shards
        self.period_s = period_s

    async def step(self, now_ms: Ms) -> None:
        apart = Apart()
        await apart.each(range(self._shards), lambda shard: self._reap(shard, now_ms))
        apart.raise_first()

    async def _reap(self, shard: int, now_ms: Ms) -> None:
        over = await self._flow.wheel.expired(shard, wall_ms=self._clock.wall_ms(), limit=MOST)
        if not over:
            return
        in_call = await self._in_call(over)
        releases = [Release(claim, sent=claim.loop_id in in_call) for claim in over]
        stale = await self._flow.wheel.reap(releases, now_ms=now_ms, wall_ms=self._clock.wall_ms())
        if len(stale) < len(over):
            log.info("leases_expired", shard=shard, loops=len(over) - len(stale))

    async def _in_call(self, claims: list[Claim]) -> set[int]:
        """A slot lives as long as its call, not as long as the lease of whoever made it."""
        rows = await self._ledger.fetch("attempt_live_of", [claim.loop_id for claim in claims])
        return {row["loop_id"] for row in rows}
