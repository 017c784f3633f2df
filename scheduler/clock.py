"""The one place that asks what time it is.

The clocks share a face: `RealClock`; `ScaledClock`, which runs `speed` times as fast; `SimulatedClock`,
whose speed people change; `SteppedClock`, which stands still until it is told to move.
Instants are integer milliseconds since 1970 in UTC.
Leases are held on wall time and permits on monotonic time: both stay real under every clock.
"""

from __future__ import annotations

import math
import time
from typing import Protocol

from scheduler.domain.time import Ms


class Clock(Protocol):
    """What every part is given instead of the time."""

    speed: float
    """Clock seconds that pass in one real second; 0 for a stepped clock."""

    patience_s: float
    """Who waits on it looks again after so many real seconds: it may have been moved."""

    def now_ms(self) -> Ms:
        """The Clock's instant: due times, throttles, calls, windows."""
        ...

    def seconds_until(self, at_ms: Ms) -> float:
        """Real seconds until the Clock shows `at_ms`, below zero once it has; infinite on a stepped clock."""
        ...

    def wall_ms(self) -> Ms:
        """Real wall time: leases."""
        ...

    def monotonic_s(self) -> float:
        """Real monotonic seconds: permit deadlines."""
        ...


class RealClock:
    """Wall time as it is."""

    speed = 1.0
    patience_s = math.inf

    def now_ms(self) -> Ms:
        return time.time_ns() // 1_000_000

    def seconds_until(self, at_ms: Ms) -> float:
        return (at_ms * 1_000_000 - time.time_ns()) / 1e9

    def wall_ms(self) -> Ms:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class ScaledClock(RealClock):
    """Starts at `start_ms` and runs `speed` times as fast as real time."""

    def __init__(self, start_ms: Ms, speed: float) -> None:
        if speed <= 0:
            raise ValueError("speed must be above zero")
        self.speed = speed
        self._start_ms = start_ms
        self._began_s = time.monotonic()

    def now_ms(self) -> Ms:
        return self._start_ms + int((time.monotonic() - self._began_s) * self.speed * 1000)

    def seconds_until(self, at_ms: Ms) -> float:
        return (at_ms - self._start_ms) / 1000 / self.speed - (time.monotonic() - self._began_s)


class SimulatedClock(ScaledClock):
    """Runs as fast as it is told to, and jumps ahead; never back."""

    patience_s = 1.0

    def run_at(self, speed: float) -> None:
        """From now on so many times as fast as real time."""
        if speed <= 0:
            raise ValueError("speed must be above zero")
        self._start_ms, self._began_s = self.now_ms(), time.monotonic()
        self.speed = speed

    def move_to(self, at_ms: Ms) -> None:
        """Jump forward to `at_ms` and go on from there; what is over already is passed."""
        self._start_ms += max(0, at_ms - self.now_ms())


class SteppedClock(RealClock):
    """Stands still until `move_to`."""

    speed = 0.0

    def __init__(self, start_ms: Ms) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> Ms:
        return self._now_ms

    def seconds_until(self, at_ms: Ms) -> float:
        return math.inf if at_ms > self._now_ms else 0.0

    def move_to(self, at_ms: Ms) -> None:
        """Move forward to `at_ms`; a step backwards is an error."""
        if at_ms < self._now_ms:
            raise ValueError("a stepped clock never goes backwards")
        self._now_ms = at_ms
