"""The gate: the last look before the bytes leave (DESIGN 5, step 3)."""

from __future__ import annotations

import pytest

from dialer.gate import may_send
from tests.builders import TUESDAY_2PM, FreezingClock

ARMED_S = 100.0


class At(FreezingClock):
    """Monotonic time exactly as told."""

    def __init__(self, now_ms: int, monotonic_s: float) -> None:
        super().__init__(now_ms)
        self._monotonic_s = monotonic_s

    def monotonic_s(self) -> float:
        return self._monotonic_s


@pytest.mark.parametrize(
    ("since_arm_s", "until_end_ms", "sends"),
    [
        (0.0, 1, True),
        (2.0, 0, True),
        (2.001, 1000, False),
        (0.0, -1, False),
        (3600.0, -1, False),
    ],
)
def test_a_permit_is_young_by_monotonic_time_and_within_its_hours_by_the_clock(
    since_arm_s: float, until_end_ms: int, sends: bool
) -> None:
    """I3 I7: either one alone shuts the gate."""
    clock = At(TUESDAY_2PM, ARMED_S + since_arm_s)

    allowed = may_send(clock, arm_began_s=ARMED_S, permit_s=2.0, not_after_ms=TUESDAY_2PM + until_end_ms)

    assert allowed is sends
