"""The last check before the bytes leave: the permit is young by both clocks, the hours are not over."""

from __future__ import annotations

import math

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms


class Asked(msgspec.Struct, frozen=True):
    """When permits were asked for, on both clocks: read before the arm waits for a connection. `leased_s`:
    since when, in monotonic seconds, the oldest lease of their claims runs."""

    monotonic_s: float
    wall_ms: Ms
    leased_s: float


class Gate:
    """Lets a permit through for `permit_s` from when it was asked for.

    Whatever was forbidden after the arm read the ledger is in force everywhere that much later. A dialer that
    was frozen meanwhile finds its permit too old and says so, instead of calling late. Monotonic time stands
    still while a virtual machine is paused or taken back to a snapshot, and wall time may be set at will: so
    both are asked. `slack_ms` is how far wall time may drift from the permit's life; when it steps by more
    than `step_ms`, every permit asked for before is void. So is one whose claim's lease is over: the loop and
    its call slots may be another dialer's by then.
    """

    def __init__(self, clock: Clock, *, permit_s: float, slack_ms: int, step_ms: int, lease_s: float) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._ahead_ms = self._wall_ahead_ms()
        self._stepped_s = -math.inf
        self._permit_ms = permit_s * SECOND
        self._slack_ms = slack_ms
        self._step_ms = step_ms

    def asked(self, leased_s: float) -> Asked:
        """Now, before the arm is asked for, for claims whose leases run since `leased_s`."""
        self._look_for_a_step()
        return Asked(self._clock.monotonic_s(), self._clock.wall_ms(), leased_s)

    def may_send(self, asked: Asked, *, due_at_ms: Ms, not_after_ms: Ms) -> bool:
        """Whether an attempt whose permit was asked for then may be sent now: never early, never late."""
        self._look_for_a_step()
        age_ms = (self._clock.monotonic_s() - asked.monotonic_s) * SECOND
        wall_ms = self._clock.wall_ms() - asked.wall_ms
        return (
            age_ms <= self._permit_ms
            and self._stepped_s <= asked.leased_s
            and self._clock.monotonic_s() < asked.leased_s + self._lease_s
            and -self._slack_ms <= wall_ms <= self._permit_ms + self._slack_ms
            and abs(wall_ms - age_ms) <= self._step_ms
            and due_at_ms <= self._clock.now_ms() <= not_after_ms
        )

    def _look_for_a_step(self) -> None:
        ahead_ms = self._wall_ahead_ms()
        if abs(ahead_ms - self._ahead_ms) > self._step_ms:
            self._stepped_s = self._clock.monotonic_s()  # leases of before may be over
            self._ahead_ms = ahead_ms

    def _wall_ahead_ms(self) -> float:
        return self._clock.wall_ms() - self._clock.monotonic_s() * SECOND
