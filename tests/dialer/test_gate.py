"""The gate: the last look before the bytes leave (DESIGN 5, step 3)."""

from __future__ import annotations

import pytest

from dialer.gate import Gate
from tests.builders import SECOND, TUESDAY_2PM, FreezingClock


class Told(FreezingClock):
    """Both of the machine's clocks exactly as told."""

    monotonic = 100.0
    wall = TUESDAY_2PM

    def monotonic_s(self) -> float:
        return self.monotonic

    def wall_ms(self) -> int:
        return self.wall

    def pass_by(self, monotonic_s: float, wall_s: float) -> None:
        self.monotonic += monotonic_s
        self.wall += round(wall_s * SECOND)


def a_gate(clock: Told) -> Gate:
    return Gate(clock, permit_s=2.0, slack_ms=250, step_ms=1000, lease_s=30.0)


def sends(monotonic_s: float, wall_s: float, until_end_ms: int = 1000, since_due_ms: int = 1000) -> bool:
    """Whether a permit asked for so long ago by each clock, with so much of its hours left, may be used."""
    clock = Told(TUESDAY_2PM)
    gate = a_gate(clock)
    asked = gate.asked(clock.monotonic)
    clock.pass_by(monotonic_s, wall_s)
    return gate.may_send(asked, due_at_ms=TUESDAY_2PM - since_due_ms, not_after_ms=TUESDAY_2PM + until_end_ms)


@pytest.mark.parametrize(
    ("since_asked_s", "until_end_ms", "allowed"),
    [
        (0.0, 1, True),
        (2.0, 0, True),
        (2.001, 1000, False),
        (0.0, -1, False),
        (3600.0, -1, False),
    ],
)
def test_a_permit_is_young_and_within_its_hours(
    since_asked_s: float, until_end_ms: int, allowed: bool
) -> None:
    """I3 I7: either one alone shuts the gate."""
    assert sends(since_asked_s, since_asked_s, until_end_ms) is allowed


@pytest.mark.parametrize(
    ("monotonic_s", "wall_s", "allowed"),
    [
        (0.1, 0.1, True),
        (0.1, 0.9, True),  # drift, or a small step: within a second, and the permit is young by both
        (0.1, 1.2, False),  # wall time stepped: whatever was asked for before is void
        (1.9, 2.25, True),
        (1.9, 2.26, False),  # too old by wall time, whatever monotonic time says
        (0.001, 30.0, False),  # a virtual machine was paused: monotonic time stood still
        (0.1, -0.25, True),
        (0.1, -0.26, False),  # wall time went back: nobody knows how old the permit is
        (0.1, -3600.0, False),
        (2.1, 1.5, False),
    ],
)
def test_a_permit_is_young_by_monotonic_and_by_wall_time(
    monotonic_s: float, wall_s: float, allowed: bool
) -> None:
    """I3, RELIABILITY 0.1 #20: monotonic time alone would send after a machine's pause."""
    assert sends(monotonic_s, wall_s) is allowed


def test_nothing_is_sent_before_its_instant() -> None:
    """DESIGN 4: timers of an event loop may end a little early; the gate does not."""
    assert sends(0.0, 0.0, since_due_ms=0)
    assert not sends(0.0, 0.0, since_due_ms=-1)


@pytest.mark.parametrize(("leased_for_s", "allowed"), [(29.0, True), (29.95, False), (31.0, False)])
def test_a_permit_is_void_when_the_lease_of_its_claim_is_over(leased_for_s: float, allowed: bool) -> None:
    """I12: the loop and its call slots may be another dialer's by then; 0.1 s pass between arm and gate."""
    clock = Told(TUESDAY_2PM)
    gate = a_gate(clock)
    leased_s = clock.monotonic
    clock.pass_by(leased_for_s, leased_for_s)
    asked = gate.asked(leased_s)
    clock.pass_by(0.1, 0.1)
    assert gate.may_send(asked, due_at_ms=TUESDAY_2PM, not_after_ms=TUESDAY_2PM + 1000) is allowed


def test_leases_from_before_a_step_of_the_wall_count_for_nothing() -> None:
    """I12, RELIABILITY 0.1 #20: a machine that was paused does not know how old its leases are."""
    clock = Told(TUESDAY_2PM)
    gate = a_gate(clock)
    before_s = clock.monotonic
    clock.pass_by(0.1, 60.0)
    asked = gate.asked(before_s)
    assert not gate.may_send(asked, due_at_ms=TUESDAY_2PM, not_after_ms=TUESDAY_2PM + 1000)
    asked = gate.asked(clock.monotonic)
    assert gate.may_send(asked, due_at_ms=TUESDAY_2PM, not_after_ms=TUESDAY_2PM + 1000)
