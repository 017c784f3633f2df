"""How far ahead work is put on the wheel: the horizon, or less while the wheel's memory runs short."""

from __future__ import annotations

from scheduler.domain.time import Ms

GROWS_BELOW = 0.4
"""Of the share at which it shrinks: twice the work then still leaves room, so that it does not swing."""


class Reach:
    """The reach of one process. `shrinks_at`: share of the servers' memory; `least_ms`: it goes no lower."""

    def __init__(self, horizon_ms: Ms, *, least_ms: Ms, shrinks_at: float) -> None:
        self.horizon_ms = horizon_ms
        self.ms = horizon_ms
        self._least_ms = min(least_ms, horizon_ms)
        self._shrinks_at = shrinks_at
        self._gap_ms: Ms | None = None

    def after(self, used: float) -> Ms:
        """What it should be now that so much of the memory is used: half of what it is, twice, the same."""
        if used >= self._shrinks_at:
            return max(self._least_ms, self.ms // 2)
        if used < GROWS_BELOW * self._shrinks_at:
            return min(self.horizon_ms, self.ms * 2)
        return self.ms

    def set(self, reach_ms: Ms, now_ms: Ms) -> None:
        reach_ms = max(self._least_ms, min(reach_ms, self.horizon_ms))
        if reach_ms < self.ms:  # writers place nothing beyond it any more
            beyond_ms = now_ms + reach_ms
            self._gap_ms = beyond_ms if self._gap_ms is None else min(self._gap_ms, beyond_ms)
        self.ms = reach_ms

    def take_gap(self) -> Ms | None:
        """From which instant on the wheel may lack what was fed before, if it shrank since this was asked."""
        gap_ms, self._gap_ms = self._gap_ms, None
        return gap_ms
