"""Call slots against live calls: a slot comes back also when the wheel was away as its call ended."""

from __future__ import annotations

import structlog

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow

log = structlog.get_logger()

PAGE = 1000
"""Slots looked at in one step of a shard."""


class Slots:
    """Looks at slots that were taken longer than `grace_ms` ago, a page at a time: who claimed them has armed
    by then, or will not."""

    def __init__(self, flow: Flow, *, grace_ms: Ms, call_ms: Ms) -> None:
        self._flow = flow
        self.grace_ms = grace_ms
        self._call_ms = call_ms
        self._cursors: dict[int, Ms] = {}

    async def check(self, shard: int, now_ms: Ms) -> int:
        """Free the slots of one page that belong to no live call; answers how many.

        Raises ServerUnavailable.
        """
        until_ms = now_ms - self.grace_ms + self._call_ms
        after_ms = max(now_ms, self._cursors.get(shard, 0))
        held = await self._flow.wheel.held_slots(shard, after_ms=after_ms, until_ms=until_ms, limit=PAGE)
        self._cursors[shard] = held[-1].until_ms if len(held) == PAGE else 0
        if not held:
            return 0
        rows = await self._flow.database.fetch("calls_over", [slot.loop_id for slot in held])
        lanes = {row["loop_id"]: row["lane_id"] for row in rows}
        over = [(lanes[slot.loop_id], slot) for slot in held if slot.loop_id in lanes]
        freed = await self._flow.wheel.free_slots(shard, over, now_ms) if over else 0
        if freed:
            log.info("call_slots_freed", shard=shard, loops=freed)
        return freed
