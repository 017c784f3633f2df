"""The wheel's scripts in plain Python: one shard, told the slow way, with the same answers.

Lanes are not filed and not parked: whatever has work is found by looking at all of them. What is left out: the bounds
on work per call (64 lanes, searches through slots), and the choice among lanes that have the same virtual time and
came due at one instant where the real wheel had filed one of them elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler.domain.time import Ms
from scheduler.wheel import CallEnd, Claim, Claimed, Gate, Lane, Placing, Release
from scheduler.wheel.model import HeldSlot

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
class Holder:
    """Who holds a loop. `then`: the instant of a plan that came meanwhile; `withdrawn`: nothing comes back."""

    claim_id: str
    then_ms: Ms | None = None
    withdrawn: bool = False


@dataclass
class Record:
    """A claim that still holds something: its answer, the end of its lease, how many of its loops it holds, and by
    lane what a refund needs."""

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


@dataclass
class Shard:
    """All that a shard holds. `run_id`: of the process that serves it."""

    slot_ms: Ms
    call_ms: Ms
    run_id: str
    epoch: str = ""
    lanes: dict[int, LaneRule] = field(default_factory=dict)
    gates: dict[str, GateRule] = field(default_factory=dict)
    calls: dict[str, dict[int, Ms]] = field(default_factory=dict)
    waiting: dict[int, dict[tuple[int, int], Ms]] = field(default_factory=dict)
    """By lane: (slot, loop) → instant. A loop may wait in several slots, as in the real wheel."""
    holders: dict[tuple[int, int], Holder] = field(default_factory=dict)
    claims: dict[str, Record] = field(default_factory=dict)
    owed: float = 0.0
    virtual: dict[str, float] = field(default_factory=lambda: {"live": 0.0, "rest": 0.0})
    bell: bool = False
    spools: dict[str, Ms] = field(default_factory=dict)
    """Which dialers hold news, as of when; a rebuild leaves them alone."""

    # -- gates ---------------------------------------------------------------------------------------

    def room(self, gate: str, now: Ms) -> tuple[float, float]:
        """How many the gate lets through now; when that is none, the instant it may change by itself."""
        rule = self.gates.get(gate)
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
        return count, at

    def passage(self, gates: Iterable[str], now: Ms) -> tuple[float, float]:
        """What several gates let through together; when that is none, until when the longest is closed."""
        least, until = INF, -1.0
        for gate in gates:
            count, at = self.room(gate, now)
            if count < 1 and at > until:
                until = at
            least = min(least, count)
        return least, until

    def _charge(
        self, gates: Iterable[str], loops: Sequence[int], hard_end: Ms, now: Ms
    ) -> tuple[tuple[str, int], ...]:
        marks, count, now_us, counted = [], len(loops), now * 1000, False
        for name in gates:
            rule = self.gates[name]
            if rule.interval_us is not None:
                rule.arrival_us = max(rule.arrival_us, now_us) + count * rule.interval_us
            if rule.left is not None and now < rule.renews:
                rule.left -= count
            if rule.interval_us is not None or rule.left is not None:
                rule.spent, rule.last_us = rule.spent + count, now_us
                marks.append((name, rule.spent))
            if rule.most is not None:
                self._forget_ended(name, now)
                self.calls.setdefault(name, {}).update(dict.fromkeys(loops, hard_end))
                counted = True
        if counted:
            self.calls.setdefault("shard", {}).update(dict.fromkeys(loops, hard_end))
        return tuple(marks)

    def _refund(self, marks: Iterable[tuple[str, int]]) -> None:
        for name, mark in marks:
            rule = self.gates.get(name)
            if rule is None:
                continue
            if rule.interval_us is not None:
                least_us = rule.last_us + (rule.spent - mark) * rule.interval_us
                rule.arrival_us = max(rule.arrival_us - rule.interval_us, min(rule.arrival_us, least_us))
            if rule.left is not None and mark > rule.since:
                rule.left += 1

    def _free_calls(self, lane: LaneRule | None, loops: Iterable[int]) -> None:
        held = False
        for name in () if lane is None else lane.gates + lane.left:
            held = held or bool(self.calls.get(name))
            self._free(name, loops)
        if held:
            self._free("shard", loops)

    def _free(self, name: str, loops: Iterable[int]) -> None:
        for loop in loops:
            self.calls.get(name, {}).pop(loop, None)

    def _forget_ended(self, name: str, now: Ms) -> None:
        self.calls[name] = {loop: end for loop, end in self.calls.get(name, {}).items() if end > now}

    # -- lanes ---------------------------------------------------------------------------------------

    def work_at(self, lane_id: int, now: Ms) -> float:
        """When the lane next has work that it may give out; its head's instant if that is now."""
        rule, waiting = self.lanes.get(lane_id), self.waiting.get(lane_id)
        if rule is None or not waiting:
            return INF
        head = min(waiting.values())
        at = rule.opening(max(head, now))
        if at == now:
            at = head
        if at <= now:
            count, until = self.passage(rule.gates, now)
            if count < 1:
                return until
        return at

    def earliest(self, now: Ms) -> float:
        return min((self.work_at(lane_id, now) for lane_id in self.lanes), default=INF)

    def _put(self, lane_id: int, loop: int, due: Ms) -> None:
        self.waiting.setdefault(lane_id, {})[(due // self.slot_ms, loop)] = due

    def _pull(self, lane_id: int, loop: int) -> int:
        waiting = self.waiting.get(lane_id, {})
        found = [key for key in waiting if key[1] == loop]
        for key in found:
            del waiting[key]
        return len(found)

    def _ring_if(self, rings: bool) -> bool:
        news = rings and not self.bell
        self.bell = self.bell or rings
        return news

    # -- scripts -------------------------------------------------------------------------------------

    def place(self, placings: Sequence[Placing], now: Ms) -> int:
        before, due_now, count = self.earliest(now), False, self._count_waiting()
        for each in placings:
            due_now = due_now or each.due_at_ms <= now
            self._place(each, freed=False)
        after = self.earliest(now)
        self._ring_if(after < before or (due_now and after <= now))
        return self._count_waiting() - count

    def _place(self, each: Placing, *, freed: bool) -> None:
        holder = None if freed else self.holders.get((each.lane_id, each.loop_id))
        if holder is not None:
            record = self.claims.get(holder.claim_id)
            held_at = None if record is None else record.due_of(each.lane_id, each.loop_id)
            holder.then_ms = None if each.due_at_ms == held_at else each.due_at_ms
            holder.withdrawn = False
            return
        if each.was_at_ms is None and not freed:
            self._pull(each.lane_id, each.loop_id)
        elif each.was_at_ms and each.was_at_ms // self.slot_ms != each.due_at_ms // self.slot_ms:
            key = (each.was_at_ms // self.slot_ms, each.loop_id)
            self.waiting.get(each.lane_id, {}).pop(key, None)
        self._put(each.lane_id, each.loop_id, each.due_at_ms)

    def _count_waiting(self) -> int:
        return sum(map(len, self.waiting.values()))

    def claim(
        self,
        *,
        claim_id: str,
        limit: int,
        now: Ms,
        horizon: Ms,
        lease_end: Ms,
        share: float,
        shard: int,
        epoch: str,
    ) -> Claimed:
        """As lua/claim.lua, once the epoch is known to be right."""
        known = self.claims.get(claim_id)
        if known is not None:
            return known.answer
        turn = _Turn(self, claim_id, limit, now, horizon, share, shard, epoch)
        bulk = self._due_lanes(("bulk",), now, horizon)
        if not bulk:
            turn.whole = 0.0  # a quiet hour of bulk leaves no debt that live leads would pay
        elif self._due_lanes(("live", "callback", "follow-up"), now, horizon):
            turn.pay_floor(bulk)
        turn.serve_all(self._due_lanes(("live",), now, horizon))
        turn.serve_all(self._due_lanes(("callback", "follow-up", "bulk"), now, horizon))
        taken = len(turn.claims)
        if taken:
            self.owed = turn.whole
        wake = self.earliest(now)
        self._ring_if(wake <= now and taken > 0)
        answer = Claimed(None if wake == INF else int(wake), turn.claims)
        if taken:
            self.claims[claim_id] = Record(answer, lease_end, taken, turn.marks)
        return answer

    def _due_lanes(self, classes: tuple[str, ...], now: Ms, horizon: Ms) -> list[tuple[float, int]]:
        found = [
            (self.work_at(lane_id, now), lane_id)
            for lane_id, rule in self.lanes.items()
            if rule.lane_class in classes
        ]
        return [(at, lane_id) for at, lane_id in found if at <= horizon]

    def settle(
        self, releases: Sequence[Release], ends: Sequence[CallEnd], placings: Sequence[Placing], now: Ms
    ) -> list[Claim]:
        """As lua/settle.lua; answers the stale claims."""
        before, stale, placed = self.earliest(now), [], False
        freed: set[tuple[int, int]] = set()
        pending: dict[tuple[int, int], Ms] = {}
        for release in releases:
            claim = release.claim
            key = (claim.lane_id, claim.loop_id)
            holder = self.holders.get(key)
            if holder is None or holder.claim_id != claim.claim_id or key in freed:
                stale.append(claim)
                continue
            freed.add(key)
            if holder.then_ms is not None:
                pending[key] = holder.then_ms
            del self.holders[key]
            record = self.claims[claim.claim_id]
            if not release.sent:
                self._refund(record.marks.get(claim.lane_id, ()))
                self._free_calls(self.lanes.get(claim.lane_id), [claim.loop_id])
            record.left -= 1
            if record.left < 1:
                del self.claims[claim.claim_id]
        for end in ends:
            self._free_calls(self.lanes.get(end.lane_id), [end.loop_id])
        for placing in placings:
            key = (placing.lane_id, placing.loop_id)
            self._place(placing, freed=key in freed)
            pending.pop(key, None)
            placed = True
        for (lane_id, loop_id), due in pending.items():
            self._put(lane_id, loop_id, due)
            placed = True
        after = self.earliest(now)
        self._ring_if(after < before or (after <= now and placed))
        return stale

    def withdraw(self, pairs: Sequence[tuple[int, int]], now: Ms) -> int:
        before, found = self.earliest(now), 0
        for lane_id, loop_id in pairs:
            holder = self.holders.get((lane_id, loop_id))
            if holder is not None:
                holder.withdrawn, holder.then_ms = True, None
                found += 1
            found += self._pull(lane_id, loop_id)
        self._ring_if(self.earliest(now) < before)
        return found

    def extend(self, claims: Sequence[Claim], lease_end: Ms) -> list[Claim]:
        """One loop that is held renews the lease of all that its claim holds."""
        stale = []
        for claim in claims:
            holder = self.holders.get((claim.lane_id, claim.loop_id))
            if holder is None or holder.claim_id != claim.claim_id:
                stale.append(claim)
            else:
                self.claims[claim.claim_id].lease_end = lease_end
        return stale

    def expired(self, wall: Ms, limit: int, shard: int) -> list[Claim]:
        """What is held by claims that have ended; those that hold nothing go."""
        over = sorted(
            (record.lease_end, name) for name, record in self.claims.items() if record.lease_end <= wall
        )
        found: list[Claim] = []
        for _, name in over:
            if len(found) >= limit:
                break
            record, before = self.claims[name], len(found)
            for lane_id, loop_id in dict.fromkeys(
                (each.lane_id, each.loop_id) for each in record.answer.claims
            ):
                holder = self.holders.get((lane_id, loop_id))
                if holder is None or holder.claim_id != name:
                    continue
                due = record.due_of(lane_id, loop_id)
                assert due is not None
                found.append(Claim(lane_id, loop_id, due, name, shard))
            if len(found) == before:
                del self.claims[name]
        return found[:limit]

    def reap(self, releases: Sequence[Release], now: Ms, wall: Ms) -> list[Claim]:
        """Take these loops from claims that have ended; answers the stale."""
        self._forget_ended("shard", now)
        stale: list[Claim] = []
        for each in releases:
            claim, record = each.claim, self.claims.get(each.claim.claim_id)
            holder = self.holders.get((claim.lane_id, claim.loop_id))
            if (
                record is None
                or record.lease_end > wall
                or holder is None
                or holder.claim_id != claim.claim_id
            ):
                stale.append(claim)
                continue
            due = record.due_of(claim.lane_id, claim.loop_id)
            assert due is not None
            del self.holders[(claim.lane_id, claim.loop_id)]
            record.left -= 1
            if record.left < 1:
                del self.claims[claim.claim_id]
            if not each.sent:
                self._free_calls(self.lanes.get(claim.lane_id), [claim.loop_id])
            if claim.lane_id in self.lanes and not holder.withdrawn:
                self._put(claim.lane_id, claim.loop_id, due if holder.then_ms is None else holder.then_ms)
        self._ring_if(len(stale) < len(releases))
        return stale

    def held_slots(self, after: Ms, until: Ms, limit: int) -> list[HeldSlot]:
        held = sorted(
            (end, str(loop), loop)
            for loop, end in self.calls.get("shard", {}).items()
            if after < end <= until
        )
        return [HeldSlot(loop, end) for end, _, loop in held[:limit]]

    def free_slots(self, slots: Sequence[tuple[int, HeldSlot]], now: Ms) -> int:
        before, freed = self.earliest(now), 0
        for lane_id, slot in slots:
            if self.calls.get("shard", {}).get(slot.loop_id) == slot.until_ms:
                self._free_calls(self.lanes.get(lane_id), [slot.loop_id])
                self._free("shard", [slot.loop_id])
                freed += 1
        self._ring_if(self.earliest(now) < before)
        return freed

    def shape(self, lanes: Sequence[Lane], gates: Sequence[Gate], now: Ms) -> None:
        for gate in gates:
            self._shape_gate(gate, now)
        for lane in lanes:
            before = self.lanes.get(lane.lane_id)
            was = () if before is None else (*before.left, *before.gates)
            left = tuple(dict.fromkeys(name for name in was if name not in lane.gates))
            rule = LaneRule(lane.lane_class, tuple(dict.fromkeys(lane.gates)), left, lane.weight)
            rule.paused = lane.paused
            rule.open_until, rule.open_from = lane.open_until_ms, lane.open_from_ms
            if before is not None:
                rule.virtual = before.virtual
                if lane.keep_hours:
                    rule.open_until, rule.open_from = before.open_until, before.open_from
            self.lanes[lane.lane_id] = rule
        self._ring_if(True)

    def _shape_gate(self, gate: Gate, now: Ms) -> None:
        renews = INF if gate.renews_at_ms is None else gate.renews_at_ms
        rule = GateRule(gate.max_concurrent, gate.interval_us, gate.burst, gate.paused, gate.left, renews)
        before = self.gates.get(gate.gate)
        if before is not None:
            rule.arrival_us, rule.spent, rule.last_us = before.arrival_us, before.spent, before.last_us
            rule.since, rule.owed = before.since, before.owed
            if before.interval_us is not None and gate.interval_us not in (None, before.interval_us):
                owed = max(0, rule.arrival_us - now * 1000) / before.interval_us
                rule.arrival_us = now * 1000 + math.ceil(owed * gate.interval_us)  # type: ignore[operator]
                rule.spent, rule.last_us = rule.spent + gate.burst + 1, now * 1000
        if gate.left is not None:
            rule.since = 0 if before is None else before.spent
        self.gates[gate.gate] = rule

    def missing(self, placings: Sequence[Placing]) -> list[Placing]:
        return [
            each
            for each in placings
            if (each.lane_id, each.loop_id) not in self.holders
            and self.waiting.get(each.lane_id, {}).get((each.due_at_ms // self.slot_ms, each.loop_id))
            != each.due_at_ms
        ]

    def restore_calls(self, calls: Iterable[tuple[Sequence[str], int, Ms]]) -> None:
        for gates, loop_id, hard_end in calls:
            for name in (*gates, "shard"):
                self.calls.setdefault(name, {})[loop_id] = hard_end

    def open(self, stored: str) -> None:
        self.epoch = f"{stored} {self.run_id}"
        self._ring_if(True)

    def spools_command(self, name: str, *words: Any) -> Any:
        if name == "ZADD":
            at_ms, member = words
            self.spools[member] = at_ms
            return 1
        if name == "ZREM":
            return sum(self.spools.pop(member, None) is not None for member in words)
        since_ms = words[0]
        return [member.encode() for member, at_ms in self.spools.items() if at_ms >= since_ms]

    def wipe(self, run_id: str) -> None:
        """Everything is gone, served by the process `run_id`."""
        fresh = Shard(self.slot_ms, self.call_ms, run_id, spools=self.spools)
        self.__dict__.update(fresh.__dict__)


class _Turn:
    """One claim in the making."""

    def __init__(
        self,
        shard: Shard,
        claim_id: str,
        limit: int,
        now: Ms,
        horizon: Ms,
        share: float,
        number: int,
        epoch: str,
    ) -> None:
        self._shard = shard
        self._claim_id = claim_id
        self._limit = limit
        self._now = now
        self._horizon = horizon
        self._share = share
        self._number = number
        self._epoch = epoch
        self._bulk_waits_at: set[str] | None = None
        self.whole = shard.owed
        self.claims: list[Claim] = []
        self.marks: dict[int, tuple[tuple[str, int], ...]] = {}

    def serve_all(self, lanes: list[tuple[float, int]]) -> None:
        for _, _, _, lane_id in sorted(self._by_turn(at, lane_id) for at, lane_id in lanes):
            if len(self.claims) >= self._limit:
                return
            self._serve(lane_id, self._limit - len(self.claims))

    def pay_floor(self, lanes: list[tuple[float, int]]) -> None:
        """Give bulk what it is owed, on the shard and at each gate at which it waits."""
        self._bulk_waits_at = set()
        for _, _, _, lane_id in sorted(self._by_turn(at, lane_id) for at, lane_id in lanes):
            gates = self._shard.lanes[lane_id].gates
            self._bulk_waits_at.update(gates)
            most = max([self.whole, *(self._shard.gates[name].owed for name in gates)])
            if most >= 1 and len(self.claims) < self._limit:
                self._serve(lane_id, min(self._limit - len(self.claims), math.floor(most)))

    def _owe(self, owed: float, count: int, lane_class: str) -> float:
        due = owed + self._share * count - (count if lane_class == "bulk" else 0)
        return min(max(0.0, due), 1 + self._share * 500)

    def _by_turn(self, at: float, lane_id: int) -> tuple[float, float, str, int]:
        rule = self._shard.lanes[lane_id]
        return max(rule.virtual, self._shard.virtual[_kind(rule)]), at, str(lane_id), lane_id

    def _serve(self, lane_id: int, want: int) -> None:
        shard, now = self._shard, self._now
        rule, waiting = shard.lanes[lane_id], shard.waiting.get(lane_id, {})
        count, _ = shard.passage(rule.gates, now)
        bound: float = self._horizon
        opens = INF if rule.open_from is None else rule.open_from
        if rule.open_until is not None and now < rule.open_until < opens:
            bound = min(bound, rule.open_until - 1)
        if bound > now and any(shard.gates[gate].interval_us for gate in rule.gates if gate in shard.gates):
            bound = now
        due = sorted((at, str(loop), slot, loop) for (slot, loop), at in waiting.items() if at <= bound)
        if not due or rule.opening(now) > now or count < 1:
            return
        taken = due[: int(min(want, count))]
        loops = [loop for _, _, _, loop in taken]
        marks = shard._charge(rule.gates, loops, now + shard.call_ms, now)
        self.marks.setdefault(lane_id, marks)
        for at, _, slot, loop in taken:
            del waiting[(slot, loop)]
            shard.holders[(lane_id, loop)] = Holder(self._claim_id)
            self.claims.append(_claim(lane_id, loop, at, self._claim_id, self._number, self._epoch))
        start = max(rule.virtual, shard.virtual[_kind(rule)])
        rule.virtual, shard.virtual[_kind(rule)] = start + len(taken) / rule.weight, start
        if self._bulk_waits_at is not None:
            self.whole = self._owe(self.whole, len(taken), rule.lane_class)
            for name in rule.gates:
                if name in self._bulk_waits_at:
                    gate = shard.gates[name]
                    gate.owed = self._owe(gate.owed, len(taken), rule.lane_class)


def _kind(rule: LaneRule) -> str:
    return "live" if rule.lane_class == "live" else "rest"


def _claim(*values: Any) -> Claim:
    """With the epoch, where claims carry it."""
    return Claim(*values[: len(Claim.__struct_fields__)])
