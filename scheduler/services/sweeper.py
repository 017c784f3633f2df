"""The sweeper: compares ledger and wheel for ever, and puts back what the wheel has lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from scheduler.domain.time import SECOND, Ms
from scheduler.flow.context import Flow
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.services.apart import Apart
from scheduler.services.rebuild import rebuild
from scheduler.services.slots import Slots
from scheduler.wheel import Placing

log = structlog.get_logger()

CHUNK = 2000
"""Loops compared in one step: bounds the work on both servers."""


class Sweeper:
    """First the epoch: a wheel that was lost is rebuilt. Then call slots of calls that are over, then what is
    overdue, then a chunk of the rest."""

    name = "sweeper"

    def __init__(
        self,
        flow: Flow,
        *,
        shards: int,
        period_s: float,
        overdue_s: float,
        call_ms: Ms,
        new_id: Callable[[], UUID],
    ) -> None:
        self._flow = flow
        self._shards = shards
        self.period_s = period_s
        self._call_ms = call_ms
        self._new_id = new_id
        self._slots = Slots(flow, grace_ms=0, call_ms=call_ms)
        self.wait_for(overdue_s)
        self._overdue_cursor = (0, -1)
        self._rest_cursor = (0, -1)

    def wait_for(self, overdue_s: float) -> None:
        """What is late by so much was lost."""
        self._overdue_ms = self._slots.grace_ms = int(overdue_s * SECOND)

    async def step(self, now_ms: Ms) -> None:
        apart = Apart()
        await apart.each(range(self._shards), lambda shard: self._make_whole(shard, now_ms))
        if len(apart.away) < self._shards:
            overdue_ms = now_ms - self._overdue_ms
            self._overdue_cursor = await self._compare(apart, self._overdue_cursor, 0, overdue_ms, now_ms)
            until_ms = now_ms + self._flow.reach.ms
            self._rest_cursor = await self._compare(apart, self._rest_cursor, overdue_ms, until_ms, now_ms)
        apart.raise_first()

    async def _make_whole(self, shard: int, now_ms: Ms) -> None:
        if await self._flow.wheel.epoch(shard) is None:
            await rebuild(self._flow, shard, now_ms, new_id=self._new_id, call_ms=self._call_ms)
        await self._slots.check(shard, now_ms)

    async def _compare(
        self, apart: Apart, cursor: tuple[Ms, int], from_ms: Ms, until_ms: Ms, now_ms: Ms
    ) -> tuple[Ms, int]:
        """Compare one chunk after `cursor`; answers the next cursor, the start again after the last chunk.
        What belongs on a shard that is away comes round again."""
        after_ms, after_loop = cursor if cursor[0] >= from_ms else (from_ms, -1)
        rows = await self._flow.database.fetch(
            "loop_due", to_datetime(after_ms), to_datetime(until_ms), after_loop, CHUNK, None
        )
        placings = [Placing(r["shard"], r["lane_id"], r["loop_id"], to_ms(r["next_at"])) for r in rows]
        await apart.each_of(placings, lambda items: self._put_back(items, now_ms))
        if len(placings) < CHUNK:
            return (0, -1)
        return (placings[-1].due_at_ms, placings[-1].loop_id)

    async def _put_back(self, placings: Sequence[Placing], now_ms: Ms) -> None:
        missing = await self._flow.wheel.missing(placings)
        if missing:
            await self._flow.wheel.place(missing, now_ms)
            log.info("loops_put_back", loops=len(missing))
