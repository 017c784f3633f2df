"""The gates of the wheel's model: limits that lanes share, and the calls that hold their slots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scheduler.domain.time import Ms
from scheduler.wheel import Gate
from tests.simulation.leases import INF, LaneRule

WHOLE = "shard"
"""In `calls`: those of all gates that limit calls."""


@dataclass
class GateRule:
    most: int | None
    interval_us: int | None
    burst: int
    paused: bool
    left: int | None = None
    renews: float = INF
    since: int = 0
    arrival_us: int = 0
    spent: int = 0
    last_us: int = 0
    owed: float = 0.0


@dataclass
class Gates:
    """Rules by gate, and by gate the loops that hold a slot with their hard ends."""

    rules: dict[str, GateRule] = field(default_factory=dict)
    calls: dict[str, dict[int, Ms]] = field(default_factory=dict)

    def room(self, gate: str, now: Ms) -> tuple[float, float]:
        """How many the gate lets through now; when that is none, the instant it may change by itself.

        Tokens may be spent far ahead, by a dialer whose clock is: there are none then, not fewer.
        """
        rule = self.rules.get(gate)
        if rule is None or rule.paused:
            return 0, INF
        count, at = INF, 0.0
        if rule.most is not None:
            ends = sorted(end for end in self.calls.get(gate, {}).values() if end > now)
            count = rule.most - len(ends)
            if count < 1:
                if rule.most < 1 or not ends:
                    return 0, INF
                at = ends[0]
        if rule.interval_us is not None:
            now_us, interval = now * 1000, rule.interval_us
            tokens = (now_us + rule.burst * interval - max(rule.arrival_us, now_us)) // interval
            if tokens < 1:
                at = max(at, math.ceil((rule.arrival_us - (rule.burst - 1) * interval) / 1000))
            count = min(count, tokens)
        if rule.left is not None and now < rule.renews:
            if rule.left < 1:
                at = max(at, rule.renews)
            count = min(count, rule.left)
        return max(0, count), at

    def passage(self, gates: Iterable[str], now: Ms) -> tuple[float, float]:
        """What several gates let through together; when that is none, until when the longest is closed."""
        least, until = INF, -1.0
        for gate in gates:
            count, at = self.room(gate, now)
            if count < 1 and at > until:
                until = at
            least = min(least, count)
        return least, until

    def charge(
        self, gates: Iterable[str], loops: Sequence[int], hard_end: Ms, now: Ms
    ) -> tuple[tuple[str, int], ...]:
        """Spend a token and a call slot for each loop; answers what a refund needs."""
        marks, count, now_us, counted = [], len(loops), now * 1000, False
        for name in gates:
            rule = self.rules[name]
            if rule.interval_us is not None:
                rule.arrival_us = max(rule.arrival_us, now_us) + count * rule.interval_us
            if rule.left is not None and now < rule.renews:
                rule.left -= count
            if rule.interval_us is not None or rule.left is not None:
                rule.spent, rule.last_us = rule.spent + count, now_us
                marks.append((name, rule.spent))
            if rule.most is not None:
                self.forget_ended(name, now)
                self.calls.setdefault(name, {}).update(dict.fromkeys(loops, hard_end))
                counted = True
        if counted:
            self.calls.setdefault(WHOLE, {}).update(dict.fromkeys(loops, hard_end))
        return tuple(marks)

    def refund(self, marks: Iterable[tuple[str, int]]) -> None:
        for name, mark in marks:
            rule = self.rules.get(name)
            if rule is None:
                continue
            if rule.interval_us is not None:
                least_us = rule.last_us + (rule.spent - mark) * rule.interval_us
                rule.arrival_us = max(rule.arrival_us - rule.interval_us, min(rule.arrival_us, least_us))
            if rule.left is not None and mark > rule.since:
                rule.left += 1

    def free_calls(self, lane: LaneRule | None, loops: Iterable[int]) -> None:
        """Of a lane's gates, those it has left included."""
        held = False
        for name in () if lane is None else lane.gates + lane.left:
            held = held or bool(self.calls.get(name))
            self.free(name, loops)
        if held:
            self.free(WHOLE, loops)

    def free(self, name: str, loops: Iterable[int]) -> None:
        for loop in loops:
            self.calls.get(name, {}).pop(loop, None)

    def forget_ended(self, name: str, now: Ms) -> None:
        self.calls[name] = {loop: end for loop, end in self.calls.get(name, {}).items() if end > now}

    def shape(self, gate: Gate, now: Ms) -> None:
        renews = INF if gate.renews_at_ms is None else gate.renews_at_ms
        rule = GateRule(gate.max_concurrent, gate.interval_us, gate.burst, gate.paused, gate.left, renews)
        before = self.rules.get(gate.gate)
        if before is not None:
            rule.arrival_us, rule.spent, rule.last_us = before.arrival_us, before.spent, before.last_us
            rule.since, rule.owed = before.since, before.owed
            if before.interval_us is not None and gate.interval_us not in (None, before.interval_us):
                owed = max(0, rule.arrival_us - now * 1000) / before.interval_us
                rule.arrival_us = now * 1000 + math.ceil(owed * gate.interval_us)
                rule.spent, rule.last_us = rule.spent + gate.burst + 1, now * 1000
        if gate.left is not None:
            rule.since = 0 if before is None else before.spent
        self.rules[gate.gate] = rule

    def restore(self, gates: Iterable[str], loop_id: int, hard_end: Ms) -> None:
        for name in (*gates, WHOLE):
            self.calls.setdefault(name, {})[loop_id] = hard_end

    def in_call(self, loop_id: int) -> Ms | None:
        """The hard end of the loop's call, if it holds a slot."""
        return self.calls.get(WHOLE, {}).get(loop_id)
