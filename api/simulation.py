"""The simulator in this process as people change it: how its network answers, how fast its time goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from dialer.providers.simulated import SimulatedProvider
from scheduler.clock import Clock, SimulatedClock
from scheduler.domain.time import SECOND, Ms

SETTLED_S = 30.0
"""Real seconds in which what a jump has made due is reported: nothing is written off before."""


class Simulation:
    """`keep_pace` gives the services' deadlines the speed of the clock, and the length of a jump."""

    def __init__(
        self, provider: SimulatedProvider, clock: Clock, keep_pace: Callable[[float, float], None]
    ) -> None:
        self.provider = provider
        self.clock = clock
        self._keep_pace = keep_pace
        self._settling: asyncio.TimerHandle | None = None

    @property
    def movable(self) -> SimulatedClock | None:
        """The clock, where people may move it."""
        return self.clock if isinstance(self.clock, SimulatedClock) else None

    def retune(self, changes: dict[str, Any]) -> None:
        """Change parameters of the network, from the next call on. Raises ValueError where they are more than
        a whole."""
        self.provider.retune(self.retuned(changes))

    def retuned(self, changes: dict[str, Any]) -> Any:
        """The network as it would be. Raises ValueError."""
        return msgspec.structs.replace(self.provider.model, **changes)

    def run_at(self, clock: SimulatedClock, speed: float) -> None:
        self._keep_pace(max(speed, clock.speed), 0.0)  # what is under way was begun at the old speed
        clock.run_at(speed)
        self._settle(clock)

    def move_to(self, clock: SimulatedClock, at_ms: Ms) -> None:
        now_ms = clock.now_ms()
        clock.move_to(at_ms)
        self._keep_pace(clock.speed, (at_ms - now_ms) / SECOND)
        self._settle(clock)

    def _settle(self, clock: SimulatedClock) -> None:
        if self._settling is not None:
            self._settling.cancel()
        loop = asyncio.get_running_loop()
        self._settling = loop.call_later(SETTLED_S, lambda: self._keep_pace(clock.speed, 0.0))
