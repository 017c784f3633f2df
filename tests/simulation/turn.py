"""One claim of the wheel's model: whose turn it is, and what bulk is owed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from scheduler.domain.time import Ms
from scheduler.wheel import Claim
from tests.simulation.leases import INF, Holder, LaneRule

if TYPE_CHECKING:
    from tests.simulation.shard import Shard


class Wanted(NamedTuple):
    """What a claim asks for: `limit` loops due by `horizon`; `share` is bulk's."""

    claim_id: str
    limit: int
    now: Ms
    horizon: Ms
    lease_end: Ms
    share: float
    shard: int
    epoch: str


class Turn:
    """One claim in the making."""

    def __init__(self, shard: Shard, wanted: Wanted) -> None:
        self._shard = shard
        self._wanted = wanted
        self._bulk_waits_at: set[str] | None = None
        self.whole = shard.owed
        self.claims: list[Claim] = []
        self.marks: dict[int, tuple[tuple[str, int], ...]] = {}

    def serve_all(self, lanes: list[tuple[float, int]]) -> None:
        for _, _, _, lane_id in sorted(self._by_turn(at, lane_id) for at, lane_id in lanes):
            if len(self.claims) >= self._wanted.limit:
                return
            self._serve(lane_id, self._wanted.limit - len(self.claims))

    def pay_floor(self, lanes: list[tuple[float, int]]) -> None:
        """Give bulk what it is owed, on the shard and at each gate at which it waits."""
        self._bulk_waits_at, rules = set(), self._shard.gates.rules
        for _, _, _, lane_id in sorted(self._by_turn(at, lane_id) for at, lane_id in lanes):
            gates = self._shard.lanes[lane_id].gates
            self._bulk_waits_at.update(gates)
            most = max([self.whole, *(rules[name].owed for name in gates if name in rules)])
            if most >= 1 and len(self.claims) < self._wanted.limit:
                self._serve(lane_id, min(self._wanted.limit - len(self.claims), math.floor(most)))

    def _owe(self, owed: float, count: int, lane_class: str) -> float:
        due = owed + self._wanted.share * count - (count if lane_class == "bulk" else 0)
        return min(max(0.0, due), 1 + self._wanted.share * 500)

    def _by_turn(self, at: float, lane_id: int) -> tuple[float, float, str, int]:
        rule = self._shard.lanes[lane_id]
        return max(rule.virtual, self._shard.virtual[_kind(rule)]), at, str(lane_id), lane_id

    def _serve(self, lane_id: int, want: int) -> None:
        shard, wanted, rules = self._shard, self._wanted, self._shard.gates.rules
        now = wanted.now
        rule, waiting = shard.lanes[lane_id], shard.waiting.get(lane_id, {})
        count, _ = shard.gates.passage(rule.gates, now)
        bound: float = self._wanted.horizon
        opens = INF if rule.open_from is None else rule.open_from
        if rule.open_until is not None and now < rule.open_until < opens:
            bound = min(bound, rule.open_until - 1)
        if bound > now and any(rules[gate].interval_us for gate in rule.gates if gate in rules):
            bound = now
        due = sorted((at, str(loop), slot, loop) for (slot, loop), at in waiting.items() if at <= bound)
        if not due or rule.opening(now) > now or count < 1:
            return
        taken = due[: int(min(want, count))]
        loops = [loop for _, _, _, loop in taken]
        marks = shard.gates.charge(rule.gates, loops, now + shard.call_ms, now)
        self.marks.setdefault(lane_id, marks)
        for at, _, slot, loop in taken:
            del waiting[(slot, loop)]
            shard.holders[(lane_id, loop)] = Holder(wanted.claim_id)
            self.claims.append(Claim(lane_id, loop, at, wanted.claim_id, wanted.shard, wanted.epoch))
        start = max(rule.virtual, shard.virtual[_kind(rule)])
        rule.virtual, shard.virtual[_kind(rule)] = start + len(taken) / rule.weight, start
        if self._bulk_waits_at is not None:
            self.whole = self._owe(self.whole, len(taken), rule.lane_class)
            for name in rule.gates:
                if name in self._bulk_waits_at:
                    gate = rules[name]
                    gate.owed = self._owe(gate.owed, len(taken), rule.lane_class)


def _kind(rule: LaneRule) -> str:
    return "live" if rule.lane_class == "live" else "rest"
