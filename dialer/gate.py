"""The last check before the bytes leave: the permit is young by both clocks, the hours are not over."""

from __future__ import annotations

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms


class Asked(msgspec.Struct, frozen=True):
    """When permits were asked for, on both clocks: read before the arm waits for a connection."""

    monotonic_s: float
    wall_ms: Ms


class Gate:
    """Lets a permit through for `permit_s` from when it was asked for.

    Whatever was forbidden after the arm read the ledger is in force everywhere that much later. A dialer that
    was frozen meanwhile finds its permit too old and says so, instead of calling late. Monotonic time stands
    still while a virtual machine is paused or taken back to a snapshot, and wall time may be set at will: so
    both are asked. `slack_ms` is how far wall time may drift from the permit's life; when it steps by more
    than `step_ms`, every permit asked for before is void.
    """

    def __init__(self, clock: Clock, *, permit_s: float, slack_ms: int, step_ms: int) -> None:
        self._clock = clock
        self._permit_ms = permit_s * SECOND
        self._slack_ms = slack_ms
        self._step_ms = step_ms

    def asked(self) -> Asked:
        """Now, before the arm is asked for."""
        return Asked(self._clock.monotonic_s(), self._clock.wall_ms())

    def may_send(self, asked: Asked, *, due_at_ms: Ms, not_after_ms: Ms) -> bool:
        """Whether an attempt whose permit was asked for then may be sent now: never early, never late."""
        age_ms = (self._clock.monotonic_s() - asked.monotonic_s) * SECOND
        wall_ms = self._clock.wall_ms() - asked.wall_ms
        return (
            age_ms <= self._permit_ms
            and -self._slack_ms <= wall_ms <= self._permit_ms + self._slack_ms
            and abs(wall_ms - age_ms) <= self._step_ms
            and due_at_ms <= self._clock.now_ms() <= not_after_ms
        )
