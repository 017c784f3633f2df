"""Memory on the wheel's servers: before it runs out, less is put there, and what is far off goes back.

At the limit a server refuses new work and claims alike: with nothing given out nothing would become free. So
the reach shrinks early, and what lies beyond it is taken off when that is not enough. Nothing is lost: the
ledger has it all, and the feeder brings it when its time is near.
"""

from __future__ import annotations

from contextlib import suppress

import structlog

from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.wheel.memory import memory_share, read_reach, write_reach

log = structlog.get_logger()

SHEDS_AT = 0.85
"""Of the servers' memory: what is beyond the reach is taken off the wheel."""

PAGE = 2000
MOST_PAGES = 25
"""Of loops taken off in one step: some half a second of the ledger and the wheel."""


class MemoryWatch:
    """Follows the reach that the wheel names. One that `decides`, beside a feeder, sets it and sheds."""

    name = "memory"

    def __init__(self, flow: Flow, *, period_s: float, decides: bool) -> None:
        self._flow = flow
        self.period_s = period_s
        self._decides = decides
        self._shed_reach_ms: Ms | None = None  # all beyond this reach is off already
        self._cursor: tuple[Ms, int] | None = None

    async def step(self, now_ms: Ms) -> None:
        reach = self._flow.reach
        named = await read_reach(self._flow.wheel)
        if named is not None:
            reach.set(named, now_ms)
        if not self._decides:
            return
        used = await memory_share(self._flow.wheel)
        wanted = reach.after(used)
        if wanted != reach.ms:
            log.warning("reach_changed", used=round(used, 3), from_s=reach.ms // 1000, to_s=wanted // 1000)
            reach.set(wanted, now_ms)
        if reach.ms != (reach.horizon_ms if named is None else named):
            with suppress(ServerUnavailable):  # no memory for it yet: shedding makes some
                await write_reach(self._flow.wheel, reach.ms)
        if used >= SHEDS_AT and self._shed_reach_ms != reach.ms:
            await self._shed(now_ms)

    async def _shed(self, now_ms: Ms) -> None:
        """Take off what is beyond the reach, nearest first, some pages of it."""
        reach = self._flow.reach
        far_ms = now_ms + reach.horizon_ms + reach.horizon_ms // 4
        after_ms, after_loop = self._cursor or (now_ms + reach.ms, -1)
        taken = 0
        for _ in range(MOST_PAGES):
            rows = await self._flow.database.fetch(
                "loop_due", to_datetime(after_ms), to_datetime(far_ms), after_loop, PAGE, None
            )
            items = [(row["shard"], row["lane_id"], row["loop_id"]) for row in rows]
            if items:
                taken += await self._flow.wheel.withdraw(items, now_ms)
                after_ms, after_loop = to_ms(rows[-1]["next_at"]), rows[-1]["loop_id"]
            if len(rows) < PAGE:
                self._shed_reach_ms, self._cursor = reach.ms, None
                break
        else:
            self._cursor = (after_ms, after_loop)
        if taken:
            log.warning("loops_shed", loops=taken)
