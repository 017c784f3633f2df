"""How much of a paced batch is on the wheel: what it can give out in 1.2 horizons, and no more.

The rest is `held` in the ledger, lane by lane in order of time, and released as the pace makes room. Only
first touches are held back: what was touched comes back at most as fast as the pace let it go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil

import msgspec
import structlog

from scheduler.domain.time import MINUTE, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.reach import Reach
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_ms, to_ms_or_none
from scheduler.wheel import Placing, TimingWheel
from scheduler.wheel.looking import look_at_lanes

log = structlog.get_logger()

CHUNK = 10_000
"""Loops released in one transaction."""

COUNTED_FOR_MS: Ms = MINUTE
"""A writer counts what a batch has on the wheel this seldom, and reckons in between."""


class HeldLane(msgspec.Struct, frozen=True):
    """A bulk lane of a batch; `first_at_ms`: when what is held back on it next is due, None for nothing."""

    lane_id: int
    shard: int
    first_at_ms: Ms | None


class HeldBatch(msgspec.Struct, frozen=True):
    """A batch that is dialled, with its bulk lanes. `max_per_min` None: without a pace of its own."""

    batch_id: int
    max_per_min: float | None
    lanes: tuple[HeldLane, ...]

    @property
    def holds(self) -> bool:
        return any(lane.first_at_ms is not None for lane in self.lanes)


class ToppedUp(msgspec.Struct, frozen=True):
    """`released` loops went onto the wheel. `full`: there is as much as the pace needs; more is asked for
    when some was given out. `opens_at_ms`: of each lane, when its hours let something out."""

    released: int
    full: bool
    opens_at_ms: dict[int, Ms]


class Stock:
    """What batches have on the wheel. `horizons`: for how many reaches their pace is to last on what is
    there; nothing that is due beyond the reach is released."""

    def __init__(self, database: Database, wheel: TimingWheel, reach: Reach, *, horizons: float) -> None:
        self._database = database
        self._wheel = wheel
        self._reach = reach
        self._horizons = horizons
        self._rooms: dict[int, tuple[int, Ms]] = {}
        self._counting = asyncio.Lock()

    def most(self, max_per_min: float) -> int:
        """Loops that a batch of this pace has on the wheel at most."""
        return max(1, ceil(max_per_min * round(self._horizons * self._reach.ms) / MINUTE))

    def forget(self, batch_id: int) -> None:
        """Count anew at the next `take`: the batch's pace has changed."""
        self._rooms.pop(batch_id, None)

    async def take(self, batch_id: int, max_per_min: float, wanted: int, now_ms: Ms) -> int:
        """How many of `wanted` first touches a writer may put on the wheel itself; what is taken counts as
        used until the next count. None with the wheel away: the feeder releases them later."""
        async with self._counting:  # of two writers at once the second takes what the first left
            room, counted_ms = self._rooms.get(batch_id, (0, None))
            if counted_ms is None or now_ms >= counted_ms + COUNTED_FOR_MS:
                try:
                    room, counted_ms = await self._room(batch_id, max_per_min, now_ms), now_ms
                except DialwheelError as error:
                    log.warning("stock_not_counted", batch_id=batch_id, why=error.what)
                    return 0
            given = max(0, min(room, wanted))
            self._rooms[batch_id] = (room - given, counted_ms)
        return given

    async def batches(self, batch_id: int | None = None) -> list[HeldBatch]:
        """The batches that are dialled, or that one if it is."""
        found: dict[int, tuple[Row, list[HeldLane]]] = {}
        for row in await self._database.fetch("held_lanes", batch_id):
            _, lanes = found.setdefault(row["batch_id"], (row, []))
            lanes.append(HeldLane(row["lane_id"], row["shard"], to_ms_or_none(row["first_at"])))
        return [HeldBatch(number, row["max_per_min"], tuple(lanes)) for number, (row, lanes) in found.items()]

    async def top_up(self, batch: HeldBatch, now_ms: Ms, ahead_ms: Ms) -> ToppedUp:
        """Release what the batch's pace needs, in turn over the lanes that are open within `ahead_ms`: what
        waits for its hours neither counts nor helps. A batch without a pace holds nothing back.

        Raises ServerUnavailable; what was released by then is placed, or found by the sweeper.
        """
        looked = await self._look(batch.lanes, now_ms)
        open_by_ms = now_ms + ahead_ms
        opens = {lane_id: opens_ms for lane_id, (_, opens_ms) in looked.items() if opens_ms is not None}
        near = [lane for lane in batch.lanes if opens.get(lane.lane_id, open_by_ms + 1) <= open_by_ms]
        room: float = float("inf")
        if batch.max_per_min is not None:
            room = self.most(batch.max_per_min) - sum(looked[lane.lane_id][0] for lane in near)
        shards = {lane.lane_id: lane.shard for lane in near}
        waiting = [lane.lane_id for lane in near if lane.first_at_ms is not None]
        released = 0
        while waiting and released < room:
            each = ceil(min(room - released, CHUNK) / len(waiting))
            rows = await self._release(waiting, each, now_ms)
            placings = [
                Placing(shards[row["lane_id"]], row["lane_id"], row["loop_id"], to_ms(row["next_at"]), 0)
                for row in rows
            ]
            await self._wheel.place(placings, now_ms)
            released += len(rows)
            counts = dict.fromkeys(waiting, 0)
            for row in rows:
                counts[row["lane_id"]] += 1
            waiting = [lane_id for lane_id, count in counts.items() if count == each]
        self.forget(batch.batch_id)
        return ToppedUp(released, released >= room, opens)

    async def _room(self, batch_id: int, max_per_min: float, now_ms: Ms) -> int:
        batches = await self.batches(batch_id)
        looked = await self._look(batches[0].lanes, now_ms) if batches else {}
        return self.most(max_per_min) - sum(waiting for waiting, _ in looked.values())

    async def _release(self, lane_ids: Sequence[int], each: int, now_ms: Ms) -> list[Row]:
        until = to_datetime(now_ms + self._reach.ms)

        async def work(on: Connection) -> list[Row]:
            locked = await self._database.fetch("held_lock", lane_ids, until, each, on=on)
            return await self._database.fetch("held_release", [row["lead_id"] for row in locked], on=on)

        return await in_transaction(self._database, work)

    async def _look(self, lanes: Sequence[HeldLane], now_ms: Ms) -> dict[int, tuple[int, Ms | None]]:
        """Of each lane how much waits on the wheel, and when it is open; one the wheel does not know is."""
        by_shard: dict[int, list[int]] = {}
        for lane in lanes:
            by_shard.setdefault(lane.shard, []).append(lane.lane_id)
        return {
            lane.lane_id: (lane.waiting, now_ms if lane.lane_class is None else lane.opens_at_ms)
            for shard, lane_ids in by_shard.items()
            for lane in await look_at_lanes(self._wheel, shard, lane_ids, now_ms)
        }
