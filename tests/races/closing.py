"""The end of the hours against dials: F25."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.time import MINUTE, SECOND, Ms
from scheduler.ledger.instants import to_datetime
from scheduler.wheel import Placing
from tests.builders import TUESDAY_2PM
from tests.races.racer import Racer
from tests.races.stage import Stage

NEW_YORK = ZoneInfo("America/New_York")
CLOSE_MARGIN_MS = MINUTE


class WindowEnd:
    """The hours end. What counts as the acknowledgement is the end of the last permit, a minute before.

    Every round is a working day of its own: the leads are enrolled in the afternoon, kept off the wheel, and
    come onto it around the instant at which permits end.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._day = datetime.fromtimestamp(TUESDAY_2PM / SECOND, NEW_YORK).date()

    async def round(self, offsets: list[int]) -> list[Racer]:
        stage, clock = self._stage, self._stage.clock
        sites = stage.sites[: len(offsets)]
        closes = datetime(self._day.year, self._day.month, self._day.day, 18, tzinfo=NEW_YORK)
        closes_ms = round(closes.timestamp() * SECOND)
        self._day += timedelta(days=3 if self._day.weekday() == 4 else 1)
        end_ms, due_ms = closes_ms - CLOSE_MARGIN_MS, closes_ms - 4 * MINUTE
        clock.leap_to(due_ms - MINUTE)
        found = await asyncio.gather(*(stage.enrol(site, 1, due_ms) for site in sites))
        loops = [lead[0][1] for lead in found]
        places = await self._places(loops, due_ms)
        wheel = stage.stores.flow.wheel
        await wheel.withdraw([(p.shard, p.lane_id, p.loop_id) for p in places.values()], clock.now_ms())
        clock.leap_to(end_ms - 250)
        await stage.services.calendars.step(clock.now_ms())

        async def one(loop_id: int, offset_ms: int) -> Racer:
            await stage.until(end_ms + offset_ms)
            asked_s = time.monotonic()
            await wheel.place([places[loop_id]], clock.now_ms())
            ends_s = time.monotonic() + clock.seconds_until(end_ms + 1)
            return Racer(loop_id, offset_ms, asked_s, ends_s, end_ms, asked=False)

        racers = await asyncio.gather(
            *(one(loop_id, offset) for loop_id, offset in zip(loops, offsets, strict=True))
        )
        await stage.until(end_ms + 100)
        await stage.nothing_under_way()
        await self._nothing_armed(loops)
        await self._end(loops)
        for racer in racers:
            racer.until_s = time.monotonic()  # the next day begins
        return list(racers)

    async def _nothing_armed(self, loops: list[int]) -> None:
        """What was held back at the gate is written down."""
        armed = "SELECT FROM attempt WHERE loop_id = ANY($1) AND state = 'armed'"
        while await self._stage.rows(armed, loops):  # noqa: ASYNC110 - the ledger is asked
            await asyncio.sleep(0.01)

    async def _places(self, loops: list[int], due_ms: Ms) -> dict[int, Placing]:
        rows = await self._stage.rows("SELECT loop_id, lane_id FROM loop WHERE loop_id = ANY($1)", loops)
        return {row["loop_id"]: Placing(0, row["lane_id"], row["loop_id"], due_ms, 0) for row in rows}

    async def _end(self, loops: list[int]) -> None:
        """Who was not called is not to be called on a later day, in the middle of another round."""
        stage = self._stage
        rows = await stage.rows(
            "UPDATE loop SET status = 'ended', end_reason = 'removed', ended_at = $2, next_at = NULL,"
            " open_until = NULL WHERE loop_id = ANY($1) AND status = 'scheduled' RETURNING loop_id, lane_id",
            loops,
            to_datetime(stage.clock.now_ms()),
        )
        await stage.stores.flow.wheel.withdraw(
            [(0, row["lane_id"], row["loop_id"]) for row in rows], stage.clock.now_ms()
        )
