"""The pump: what the provider reports, on its way to the recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialer.providers.base import Provider, always
from dialer.recorder import Recorder
from dialer.rest import TROUBLE_REST_S
from scheduler.clock import Clock
from scheduler.errors import DialwheelError

log = structlog.get_logger()


class Pump:
    """Carries the provider's events to the recorder as they come due. `dialled` is set when something was
    sent: there may be news soon. While `may_carry` says no they stay with the provider, for others."""

    def __init__(
        self,
        provider: Provider,
        recorder: Recorder,
        dialled: asyncio.Event,
        clock: Clock,
        *,
        may_carry: Callable[[], bool] = always,
    ) -> None:
        self._provider = provider
        self._recorder = recorder
        self._dialled = dialled
        self._clock = clock
        self._may_carry = may_carry

    async def run(self, stop: asyncio.Event, *, poll_s: float = 0.25) -> None:
        failing = False
        while not stop.is_set():
            self._dialled.clear()
            if not self._may_carry():
                await asyncio.sleep(TROUBLE_REST_S)
                continue
            try:
                carried = await self.carry()
            except DialwheelError as error:
                if not failing:
                    log.warning("events_not_fetched", provider=self._provider.name, why=error.what)
                failing = True
                await asyncio.sleep(TROUBLE_REST_S)
                continue
            failing = False
            if carried:  # asked again at once, the provider would only tell the same
                await self._recorder.events_taken(most_s=1.0)
            else:
                await self._wait(poll_s)

    async def carry(self, limit: int = 1000) -> int:
        """Hand over what is due now; answers how much of it is new."""
        return self._recorder.events(await self._provider.events(self._clock.now_ms(), limit))

    async def _wait(self, poll_s: float) -> None:
        due_ms = self._provider.next_event_at()
        wait_s = poll_s
        if due_ms is not None:
            wait_s = min(poll_s, max(0.001, self._clock.seconds_until(due_ms)))
        try:
            await asyncio.wait_for(self._dialled.wait(), wait_s)
        except TimeoutError:
            return
