"""The feeder: what comes due within the horizon moves from the ledger's index onto the wheel, and of a paced
batch only what it can give out."""

from __future__ import annotations

from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.services.apart import Apart
from scheduler.wheel import Placing

PAGE = 2000

PERIODS_AHEAD = 2
"""Lanes that open within so many periods are topped up already: the next step may come late."""


class Feeder:
    """Starts at the beginning of time: what was due while nothing ran is fed first."""

    name = "feeder"

    def __init__(self, flow: Flow, *, period_s: float) -> None:
        self._flow = flow
        self.period_s = period_s
        self._period_ms = int(period_s * SECOND)
        self._fed_until_ms: Ms = 0
        self._fed_ms: Ms = 0
        self._full: set[int] = set()
        self._opens_ms: dict[int, Ms] = {}

    async def step(self, now_ms: Ms) -> None:
        until_ms = now_ms + self._flow.reach.ms
        gap_ms = self._flow.reach.take_gap()
        if gap_ms is not None:
            self._fed_until_ms = min(self._fed_until_ms, gap_ms)
        if until_ms > self._fed_until_ms:
            await feed(self._flow, self._fed_until_ms, until_ms, now_ms)
            self._fed_until_ms = until_ms
        await self._top_up(now_ms)

    async def next_at(self) -> Ms | None:
        """When the feeder is needed next: a stepped clock need not go there by quanta. The next loop beyond
        the fed horizon, or one held back whose batch could have given it out by then."""
        row = await self._flow.database.fetch_row("loop_next_due", to_datetime(self._fed_until_ms))
        instants = [] if row is None or row["next_at"] is None else [to_ms(row["next_at"])]
        soonest_ms = self._fed_ms + self._period_ms
        for batch in await self._flow.stock.batches():
            if batch.batch_id not in self._full:  # of a full one the wheel has enough, and says when
                instants += [
                    max(lane.first_at_ms, self._opens_ms.get(lane.lane_id, 0), soonest_ms)
                    for lane in batch.lanes
                    if lane.first_at_ms is not None
                ]
        return min(instants, default=None)

    async def _top_up(self, now_ms: Ms) -> None:
        self._fed_ms = now_ms
        self._full.clear()
        self._opens_ms.clear()
        trouble: DialwheelError | None = None
        for batch in await self._flow.stock.batches():
            if not batch.holds:
                continue
            try:
                done = await self._flow.stock.top_up(batch, now_ms, PERIODS_AHEAD * self._period_ms)
            except DialwheelError as error:  # a shard that is away holds up no other
                trouble = trouble or error
                continue
            self._opens_ms |= done.opens_at_ms
            if done.full:
                self._full.add(batch.batch_id)
        if trouble is not None:
            raise trouble


async def feed(flow: Flow, from_ms: Ms, until_ms: Ms, now_ms: Ms, *, shard: int | None = None) -> int:
    """Place every waiting loop that is due in [from_ms, until_ms) and not held back, page by page; of one
    shard or of all.

    Answers how many. Raises ServerUnavailable when all is placed but what belongs on a shard that is away:
    placing again changes nothing.
    """
    apart = Apart()
    count, after_ms, after_loop = 0, from_ms, -1
    while True:
        rows = await flow.database.fetch(
            "loop_due", to_datetime(after_ms), to_datetime(until_ms), after_loop, PAGE, shard
        )
        placings = [_where_due(row) for row in rows]
        if placings:
            await apart.each_of(placings, lambda items: flow.wheel.place(items, now_ms))
            after_ms, after_loop = placings[-1].due_at_ms, placings[-1].loop_id
        count += len(placings)
        if len(rows) < PAGE or len(apart.away) == (flow.wheel.shards if shard is None else 1):
            apart.raise_first()
            return count


def _where_due(row: Row) -> Placing:
    """A loop that a writer has placed already waits at that very instant: placing it again is one step."""
    due_ms = to_ms(row["next_at"])
    return Placing(row["shard"], row["lane_id"], row["loop_id"], due_ms, due_ms)
