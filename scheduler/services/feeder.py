"""The feeder: what comes due within the horizon moves from the ledger's index onto the wheel."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.wheel import Placing

PAGE = 2000


class Feeder:
    """Starts at the beginning of time: what was due while nothing ran is fed first."""

    name = "feeder"

    def __init__(self, flow: Flow, *, period_s: float) -> None:
        self._flow = flow
        self.period_s = period_s
        self._fed_until_ms: Ms = 0

    async def step(self, now_ms: Ms) -> None:
        until_ms = now_ms + self._flow.horizon_ms
        if until_ms > self._fed_until_ms:
            await feed(self._flow, self._fed_until_ms, until_ms, now_ms)
            self._fed_until_ms = until_ms

    async def next_at(self) -> Ms | None:
        """When the next loop beyond the fed horizon is due: a stepped clock need not go there by quanta."""
        row = await self._flow.database.fetch_row("loop_next_due", to_datetime(self._fed_until_ms))
        return None if row is None or row["next_at"] is None else to_ms(row["next_at"])


async def feed(flow: Flow, from_ms: Ms, until_ms: Ms, now_ms: Ms) -> int:
    """Place every waiting loop that is due in [from_ms, until_ms), page by page. Answers how many.

    Raises ServerUnavailable, with what was placed so far placed: placing again changes nothing.
    """
    count, after_ms, after_loop = 0, from_ms, -1
    while True:
        rows = await flow.database.fetch(
            "loop_due", to_datetime(after_ms), to_datetime(until_ms), after_loop, PAGE
        )
        placings = [_where_due(row) for row in rows]
        if placings:
            await flow.wheel.place(placings, now_ms)
            after_ms, after_loop = placings[-1].due_at_ms, placings[-1].loop_id
        count += len(placings)
        if len(rows) < PAGE:
            return count


def _where_due(row: Row) -> Placing:
    """A loop that a writer has placed already waits at that very instant: placing it again is one step."""
    due_ms = to_ms(row["next_at"])
    return Placing(row["shard"], row["lane_id"], row["loop_id"], due_ms, due_ms)
