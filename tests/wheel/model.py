"""One shard of the wheel in plain Python: what the scripts must do, told the slow and simple way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

Key = tuple[int, int]
"""(lane, loop)"""


@dataclass
class ModelGate:
    """GCRA by the book, and calls with hard ends."""

    most: int | None = None
    interval_us: int | None = None
    burst: int = 1
    paused: bool = False
    left: int | None = None
    renews_ms: float = math.inf
    paid: set[Key] = field(default_factory=set)
    """Who was let through since the budget was set"""
    calls: dict[int, int] = field(default_factory=dict)
    tat_us: int = 0
    charges: list[tuple[int, Key | None]] = field(default_factory=list)
    """(ms, whom the token went to; None when it was given back)"""

    def live(self, now_ms: int) -> list[int]:
        """The loops in a call that holds a slot here."""
        return [loop for loop, end in self.calls.items() if end > now_ms]

    def opens_at(self, now_ms: int) -> float:
        """now_ms when it lets one through, else when it will by itself."""
        if self.paused or self.most == 0:
            return math.inf
        at = now_ms
        live = [end for end in self.calls.values() if end > now_ms]
        if self.most is not None and len(live) >= self.most:
            at = min(live)
        if self.interval_us is not None:
            token_us = self.tat_us - (self.burst - 1) * self.interval_us
            if token_us > now_ms * 1000:
                at = max(at, -(-token_us // 1000))
        if self.left == 0 and now_ms < self.renews_ms:
            return max(at, self.renews_ms)
        return at

    def charge(self, key: Key, now_ms: int, hard_end_ms: int) -> None:
        if self.most is not None:
            self.calls[key[1]] = hard_end_ms
            live = sum(end > now_ms for end in self.calls.values())
            assert live <= self.most, "I12: more calls than the gate allows"
        if self.interval_us is not None:
            self.tat_us = max(self.tat_us, now_ms * 1000) + self.interval_us
            self.charges.append((now_ms, key))
        if self.left is not None:
            self.paid.add(key)
            if now_ms < self.renews_ms:
                self.left -= 1
                assert self.left >= 0, "I12: more than the budget"

    def give_back(self, key: Key) -> None:
        """Only what can be said for certain: a token given back is none that was spent. A budget has no pace:
        what is given back is there at once."""
        if self.left is not None and key in self.paid:
            self.paid.discard(key)
            self.left += 1
        for i in range(len(self.charges) - 1, -1, -1):
            if self.charges[i][1] == key:
                self.charges[i] = (self.charges[i][0], None)
                return

    def check_rate(self) -> None:
        if self.interval_us is None:
            return
        spent = [at for at, key in self.charges if key is not None]
        for i, start in enumerate(spent):
            for j in range(i, len(spent)):
                allowed = (spent[j] - start) * 1000 / self.interval_us + self.burst
                assert j - i + 1 <= allowed, f"I13: {j - i + 1} in {spent[j] - start} ms"


@dataclass
class ModelLane:
    gates: tuple[str, ...]
    open_until: int | None = None
    open_from: int | None = None
    paused: bool = False

    def opening(self, at: float) -> float:
        if self.paused:
            return math.inf
        if self.open_until is not None and self.open_until <= at:
            open_from = math.inf if self.open_from is None else self.open_from
            return max(at, open_from)
        return at


@dataclass
class Held:
    claim_id: str
    due_ms: int
    lease_end_ms: int
    next_ms: int | None = None
    withdrawn: bool = False


@dataclass
class ModelShard:
    lanes: dict[int, ModelLane]
    gates: dict[str, ModelGate]
    waiting: dict[Key, int] = field(default_factory=dict)
    held: dict[Key, Held] = field(default_factory=dict)

    def place(self, key: Key, due_ms: int) -> None:
        if key in self.held:
            self.held[key].next_ms = None if due_ms == self.held[key].due_ms else due_ms
            self.held[key].withdrawn = False
        else:
            self.waiting[key] = due_ms

    def withdraw(self, key: Key) -> None:
        self.waiting.pop(key, None)
        if key in self.held:
            self.held[key].withdrawn, self.held[key].next_ms = True, None

    def free_calls(self, key: Key) -> None:
        for gate in self.lanes[key[0]].gates:
            self.gates[gate].calls.pop(key[1], None)

    def release(self, key: Key, *, sent: bool) -> None:
        held = self.held.pop(key)
        if held.next_ms is not None:
            self.waiting[key] = held.next_ms
        if not sent:
            self.free_calls(key)
            for gate in self.lanes[key[0]].gates:
                self.gates[gate].give_back(key)

    def extend(self, claim_id: str, lease_end_ms: int) -> None:
        """A claim has one lease."""
        for held in self.held.values():
            if held.claim_id == claim_id:
                held.lease_end_ms = lease_end_ms

    def reap(self, wall_ms: int) -> set[Key]:
        gone = {key for key, held in self.held.items() if held.lease_end_ms <= wall_ms}
        for key in gone:
            held = self.held.pop(key)
            self.free_calls(key)
            if not held.withdrawn:
                self.waiting[key] = held.due_ms if held.next_ms is None else held.next_ms
        return gone

    def earliest(self, now_ms: int) -> float:
        """When something may be claimable; `now_ms` if that is now."""
        best = math.inf
        for lane_id, lane in self.lanes.items():
            dues = [due for (lane_of, _), due in self.waiting.items() if lane_of == lane_id]
            if dues:
                at = lane.opening(max(now_ms, min(dues)))
                gates_at = max((self.gates[gate].opens_at(now_ms) for gate in lane.gates), default=now_ms)
                if gates_at > now_ms:
                    at = lane.opening(max(at, gates_at))
                best = min(best, at)
        return best
