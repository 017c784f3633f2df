"""Where a claimer sleeps: until a timer of its own event loop, or the bell of its shard. No polling."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from scheduler.errors import DialwheelError
from scheduler.wheel import TimingWheel

log = structlog.get_logger()

LISTEN_S = 3600.0
TROUBLE_REST_S = 0.5
LEAST_S = 0.0005
"""The event loop's timers are whole milliseconds and may end this much early; what is left is spun away."""


class Rest:
    """One sleeper. `wake` ends its sleep, now or the next one."""

    def __init__(self, wheel: TimingWheel, shard: int) -> None:
        self._wheel = wheel
        self._shard = shard
        self._woken = asyncio.Event()
        self._rung = False

    def wake(self) -> None:
        self._woken.set()

    def rang(self) -> bool:
        """Whether the bell rang since this was last asked."""
        rung, self._rung = self._rung, False
        return rung

    async def wait(self, seconds: float) -> None:
        """For so long, or until woken; half a millisecond less at times."""
        if seconds < LEAST_S:
            await asyncio.sleep(0)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        self._woken.clear()

    async def listen(self) -> None:
        """Hear the bell until cancelled. While its connection is lost the sleeper's own timers go on."""
        failing = False
        while True:
            try:
                rung = await self._wheel.wait_bell(self._shard, LISTEN_S)
            except Exception as error:
                if not failing:
                    why = error.what if isinstance(error, DialwheelError) else type(error).__name__
                    log.warning("bell_not_heard", shard=self._shard, why=why)
                failing = True
                await asyncio.sleep(TROUBLE_REST_S)
                continue
            failing = False
            if rung:
                self._rung = True
                self.wake()
