"""A clock that all processes of a trial agree on, and that one of them may have wrong."""

from __future__ import annotations

import time

from scheduler.clock import RealClock
from scheduler.domain.time import Ms


class OffsetClock(RealClock):
    """Wall time and `offset_ms`: real seconds on another day. `skew_ms` is how wrong this process is."""

    def __init__(self, offset_ms: Ms, skew_ms: Ms = 0) -> None:
        self.offset_ms = offset_ms
        self._shift_ms = offset_ms + skew_ms
        self._skew_ms = skew_ms

    def step(self, by_ms: Ms) -> None:
        """This process's clock is set, forward or back."""
        self._shift_ms += by_ms
        self._skew_ms += by_ms

    def now_ms(self) -> Ms:
        return time.time_ns() // 1_000_000 + self._shift_ms

    def seconds_until(self, at_ms: Ms) -> float:
        return (at_ms - self._shift_ms) / 1000 - time.time_ns() / 1e9

    def wall_ms(self) -> Ms:
        return time.time_ns() // 1_000_000 + self._skew_ms
