"""Ticks for one account: measured by one task, sent by another, so that they come each second whatever the
measuring takes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from api.live.frames import tick_frame
from api.live.listener import Listener
from api.live.room import Room
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.insight.ticks import Standing, Ticks
from scheduler.public_ids import PublicIds

EVERY_S = 1.0


class Ticker:
    """Works while somebody in the room wants ticks."""

    def __init__(self, room: Room, ticks: Ticks, ids: PublicIds, clock: Clock) -> None:
        self._room = room
        self._ticks = ticks
        self._ids = ids
        self._clock = clock
        self._standing: Standing | None = None
        self._measured_s = 0.0

    async def measure(self) -> None:
        """Until canceled."""
        while True:
            if self._wanted():
                with suppress(DialwheelError):
                    self._standing = await self._ticks.measure()
                    self._measured_s = self._clock.monotonic_s()
            await asyncio.sleep(EVERY_S)

    async def send(self) -> None:
        """Until canceled. What is not measured in time is sent again, marked as stale."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            listeners = self._wanted()
            if listeners and self._standing is not None:
                said = tick_frame(
                    self._ids,
                    self._room.account_id,
                    self._standing,
                    now_ms=self._clock.now_ms(),
                    stale=self._clock.monotonic_s() - self._measured_s > 3 * EVERY_S,
                    clock_speed=self._clock.speed,
                    number=self._room.position,
                )
                for listener in listeners:
                    listener.put([said])
            next_s = max(next_s + EVERY_S, loop.time())
            await asyncio.sleep(next_s - loop.time())

    def _wanted(self) -> list[Listener]:
        return [listener for listener in self._room.listeners if listener.topics.tick]
