"""The last check before the bytes leave: the permit is young enough, and the hours are not over."""

from __future__ import annotations

from scheduler.clock import Clock
from scheduler.domain.time import Ms


def may_send(clock: Clock, *, arm_began_s: float, permit_s: float, not_after_ms: Ms) -> bool:
    """Whether an attempt may be sent now.

    `arm_began_s` is the monotonic instant from before the arm was asked for: whatever was forbidden after the
    arm read the ledger is in force everywhere `permit_s` later. A dialer that was frozen meanwhile finds
    its permit too old and says so, instead of calling late.
    """
    return clock.monotonic_s() - arm_began_s <= permit_s and clock.now_ms() <= not_after_ms
