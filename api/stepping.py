"""Playing on the stepped clock: one thing after another, the clock moved only when all work is done.

Done can be known here, because everything runs in this process and in this order: nothing claimable, no
lease, no open transaction, no event due. Then the clock goes to the end of the next quantum with work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from api.parts import Dialing, Services, Stores
from scheduler.clock import SteppedClock
from scheduler.domain.time import MINUTE, SECOND, Ms
from scheduler.errors import EpochNotReady

SWEEP_EVERY_MS: Ms = 60 * MINUTE
"""Nothing is lost within one process that runs to its end; the sweeper still looks."""

SERVE_EVERY_MS: Ms = 5 * MINUTE
"""How often the other services come round at most: a quantum is shorter than the periods of many."""


class Stepper:
    """Plays the ledger until every loop has ended."""

    def __init__(self, stores: Stores, dialing: Dialing, services: Services, clock: SteppedClock) -> None:
        self._stores = stores
        self._dialing = dialing
        self._services = services
        self._clock = clock
        self._quantum_ms = int(stores.settings.quantum_s * SECOND)
        self._give_up_ms = int(stores.settings.write_off_s * SECOND) // 3
        self._every_ms = {
            services.calendars.name: 0,
            services.sweeper.name: SWEEP_EVERY_MS,
            services.reaper.name: self._give_up_ms,
            services.reconciler.name: self._give_up_ms,
        }
        self._stepped_ms: dict[str, Ms] = {}
        self._wake_ms: Ms | None = None

    async def play(self, stop: asyncio.Event, on_step: Callable[[], Awaitable[None]]) -> bool:
        """Until nothing is left (True) or `stop` is set (False). `on_step` runs after each quantum."""
        while not stop.is_set():
            await self._work()
            await on_step()
            next_ms = await self._next_at()
            if next_ms is None:  # all services once more, for what the last calls left to do
                self._stepped_ms.clear()
                await self._serve(self._clock.now_ms())
                next_ms = await self._next_at()
            if next_ms is None:
                return True
            self._clock.move_to(self._quantum_end(max(next_ms, self._clock.now_ms())))
        return False

    async def _work(self) -> None:
        """All work of this quantum."""
        now_ms = self._clock.now_ms()
        await self._serve(now_ms)
        dialing = self._dialing
        while True:
            worked = await dialing.pump.carry()
            while await dialing.recorder.flush():
                worked += 1
            self._wake_ms = None
            for shard in range(self._stores.settings.shards):
                try:
                    done = await dialing.worker.dial(shard)
                except EpochNotReady:  # the wheel was lost: nobody else is here to rebuild it
                    await self._services.sweeper.step(now_ms)
                    done = await dialing.worker.dial(shard)
                worked += done.claimed
                self._wake_ms = _earlier(self._wake_ms, done.wake_at_ms)
            while await dialing.recorder.flush():
                worked += 1
            if not worked:
                return

    async def _serve(self, now_ms: Ms) -> None:
        """Every service that runs in production, each when its turn has come."""
        for service in self._services.all():
            last_ms = self._stepped_ms.get(service.name)
            every_ms = self._every_ms.get(service.name, max(SERVE_EVERY_MS, int(service.period_s * SECOND)))
            if last_ms is None or now_ms - last_ms >= every_ms:
                await service.step(now_ms)
                self._stepped_ms[service.name] = now_ms

    async def _next_at(self) -> Ms | None:
        """When there is work next: on the wheel, at the provider, beyond the horizon, or to be given up."""
        next_ms = _earlier(self._wake_ms, self._dialing.provider.next_event_at())
        if next_ms is None or next_ms > self._clock.now_ms() + self._give_up_ms:
            next_ms = _earlier(next_ms, await self._services.reconciler.next_at())
            next_ms = _earlier(next_ms, await self._services.feeder.next_at())
        return next_ms

    def _quantum_end(self, at_ms: Ms) -> Ms:
        return (at_ms // self._quantum_ms + 1) * self._quantum_ms


def _earlier(one: Ms | None, other: Ms | None) -> Ms | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
