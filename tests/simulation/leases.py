"""What the wheel's model holds of lanes and of claims."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scheduler.domain.time import Ms
from scheduler.wheel import Claimed

INF = math.inf


@dataclass
class LaneRule:
    lane_class: str
    gates: tuple[str, ...]
    left: tuple[str, ...] = ()
    weight: int = 1
    open_until: float | None = None
    open_from: float | None = None
    paused: bool = False
    virtual: float = 0.0

    def opening(self, at: float) -> float:
        """The first instant at or after `at` at which the lane is open."""
        if self.paused:
            return INF
        opens = INF if self.open_from is None else self.open_from
        return opens if self.open_until is not None and self.open_until <= at < opens else at


@dataclass
class Holder:
    """Who holds a loop. `then`: the instant of a plan that came meanwhile; `withdrawn`: nothing comes
    back."""

    claim_id: str
    then_ms: Ms | None = None
    withdrawn: bool = False


@dataclass
class Record:
    """A claim that still holds something: its answer, the end of its lease, how many of its loops it holds,
    and by lane what a refund needs."""

    answer: Claimed
    lease_end: Ms
    left: int
    marks: dict[int, tuple[tuple[str, int], ...]]

    def due_of(self, lane_id: int, loop_id: int) -> Ms | None:
        due = None
        for claim in self.answer.claims:
            if (claim.lane_id, claim.loop_id) == (lane_id, loop_id):
                due = claim.due_at_ms
        return due
