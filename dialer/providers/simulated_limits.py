"""What the simulated provider allows a customer: calls per second, and whether a key is remembered."""

from __future__ import annotations

from math import ceil

import msgspec

from scheduler.domain.time import SECOND, Ms


class Limits(msgspec.Struct, frozen=True):
    """Above `calls_per_second` the provider queues the call or answers 429 (`policy`: queue or refuse).

    `server_key`: a key placed again while the process runs gets the first answer and does not ring.
    `lookup_lag_s`: a look-up sees nothing of a call for so long after it was placed.
    """

    calls_per_second: float | None = None
    policy: str = "queue"
    server_key: bool = False
    lookup_lag_s: float = 0.0

    def __post_init__(self) -> None:
        if self.policy not in ("queue", "refuse"):
            raise ValueError("policy is queue or refuse")
        if self.calls_per_second is not None and self.calls_per_second <= 0:
            raise ValueError("calls_per_second must be above zero")


class Turnstile:
    """Lets calls through at a rate; the worth of one second may go at once after a rest."""

    def __init__(self, calls_per_second: float | None) -> None:
        self._apart_ms = 0.0 if calls_per_second is None else SECOND / calls_per_second
        self.next_ms = 0.0

    def wait_ms(self, now_ms: Ms) -> int:
        """How long a call that comes at `now_ms` waits; 0 if it may go."""
        if not self._apart_ms:
            return 0
        self.next_ms = max(self.next_ms, now_ms - SECOND + self._apart_ms)
        return max(0, ceil(self.next_ms - now_ms))

    def pass_one(self) -> None:
        """The call goes, or has its turn in the queue."""
        self.next_ms += self._apart_ms
