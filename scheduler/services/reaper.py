"""The reaper: claims whose dialer is gone, and attempts that nobody reported on."""

from __future__ import annotations

import structlog

from scheduler.clock import Clock
from scheduler.domain.model import Outcome
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.flow.settle import Report, settle
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.services.apart import Apart
from scheduler.wheel import CallEnd, Claim

log = structlog.get_logger()

MOST = 500


class Reaper:
    """Expired leases go back to their lanes. An attempt armed `unknown_after_s` ago without an answer is
    unknown; after `write_off_s` it ends so, counts as a call, and the loop goes on: nothing is sent again.

    Nothing is written off in the first `unknown_after_s` after a start or an outage: news that waited
    meanwhile, at the provider or in a recorder, comes first."""

    name = "reaper"

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        clock: Clock,
        *,
        shards: int,
        period_s: float,
        unknown_after_s: float,
        write_off_s: float,
        provider: str,
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._clock = clock
        self._shards = shards
        self.period_s = period_s
        self._unknown_after_ms = int(unknown_after_s * SECOND)
        self._write_off_ms = int(write_off_s * SECOND)
        self._provider = provider
        self._whole_since_ms: Ms | None = None

    async def step(self, now_ms: Ms) -> None:
        try:
            await self._step(now_ms)
        except DialwheelError:
            self._whole_since_ms = None
            raise

    async def _step(self, now_ms: Ms) -> None:
        apart = Apart()
        await apart.each(range(self._shards), lambda shard: self._reap(shard, now_ms))
        await self._resolve(now_ms)
        apart.raise_first()

    async def next_at(self) -> Ms | None:
        """When the oldest live attempt will be written off."""
        row = await self._ledger.fetch_row("attempt_oldest_live")
        return None if row is None or row["armed_at"] is None else to_ms(row["armed_at"]) + self._write_off_ms

    async def _reap(self, shard: int, now_ms: Ms) -> None:
        reaped = await self._flow.wheel.reap(
            shard, now_ms=now_ms, wall_ms=self._clock.wall_ms(), limit=MOST, free_calls=False
        )
        if reaped:
            log.info("leases_expired", shard=shard, loops=len(reaped))
            await self._free_slots(reaped, now_ms)

    async def _free_slots(self, reaped: list[Claim], now_ms: Ms) -> None:
        """A slot lives as long as its call, not as long as the lease of whoever made it."""
        rows = await self._ledger.fetch("attempt_live_of", [claim.loop_id for claim in reaped])
        in_call = {row["loop_id"] for row in rows}
        ends = [
            CallEnd(claim.shard, claim.lane_id, claim.loop_id)
            for claim in reaped
            if claim.loop_id not in in_call
        ]
        await self._flow.wheel.settle(ends=ends, now_ms=now_ms, wall_ms=self._clock.wall_ms())

    async def _resolve(self, now_ms: Ms) -> None:
        rows = await self._ledger.fetch("attempt_overdue", to_datetime(now_ms - self._unknown_after_ms), MOST)
        if self._whole_since_ms is None:
            self._whole_since_ms = now_ms
        heard_all = now_ms - self._whole_since_ms >= self._unknown_after_ms
        reports = []
        for row in rows:
            if heard_all and to_ms(row["armed_at"]) <= now_ms - self._write_off_ms:
                reports.append(
                    Report(
                        row["attempt_id"],
                        outcome=Outcome.UNKNOWN,
                        ended_at_ms=now_ms,
                        rang_until_ms=now_ms,
                        error="no report came",
                    )
                )
            elif row["state"] == "armed":
                reports.append(Report(row["attempt_id"], state="unknown"))
        if not reports:
            return
        settled = await settle(self._flow, self._ledger, reports, (), provider=self._provider, now_ms=now_ms)
        if settled.outcomes:
            log.warning("attempts_written_off", attempts=len(settled.outcomes))
        near = [p for p in settled.placings if self._flow.within_horizon(p.due_at_ms, now_ms)]
        await self._flow.wheel.settle(
            ends=settled.ends, placings=near, now_ms=now_ms, wall_ms=self._clock.wall_ms()
        )
