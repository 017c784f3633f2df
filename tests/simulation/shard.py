"""The wheel's scripts in plain Python: one shard, told the slow way, with the same answers.

Lanes are not filed and not parked: whatever has work is found by looking at all of them. What is left out:
the bounds on work per call (64 lanes, searches through slots), and the choice among lanes that have the
same virtual time and came due at one instant where the real wheel had filed one of them elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler.domain.time import Ms
from scheduler.errors import EpochNotReady
from scheduler.wheel import CallEnd, Claim, Claimed, Gate, Lane, Placing, Release
from scheduler.wheel.model import HeldSlot
from tests.simulation.gates import WHOLE, Gates
from tests.simulation.leases import INF, Holder, LaneRule, Record
from tests.simulation.turn import Turn, Wanted


@dataclass
class Shard:
    """All that a shard holds. `run_id`: of the process that serves it."""

    slot_ms: Ms
    call_ms: Ms
    run_id: str
    epoch: str = ""
    lanes: dict[int, LaneRule] = field(default_factory=dict)
    gates: Gates = field(default_factory=Gates)
    waiting: dict[int, dict[tuple[int, int], Ms]] = field(default_factory=dict)
    """By lane: (slot, loop) → instant. A loop may wait in several slots, as in the real wheel."""
    holders: dict[tuple[int, int], Holder] = field(default_factory=dict)
    claims: dict[str, Record] = field(default_factory=dict)
    owed: float = 0.0
    virtual: dict[str, float] = field(default_factory=lambda: {"live": 0.0, "rest": 0.0})
    bell: bool = False
    building: str = ""
    """`<mark> <server>` while a builder is at work."""
    spools: dict[str, Ms] = field(default_factory=dict)
    """Which dialers hold news, as of when; a rebuild leaves them alone."""

    # -- lanes ---------------------------------------------------------------------------------------

    def work_at(self, lane_id: int, now: Ms) -> float:
        """When the lane next has work that it may give out; its head's instant if that is now."""
        rule, waiting = self.lanes.get(lane_id), self.waiting.get(lane_id)
        if rule is None or not waiting:
            return INF
        head = min(waiting.values())
        at = rule.opening(max(head, now))
        count, until = self.gates.passage(rule.gates, now)
        if count < 1:
            return rule.opening(max(at, until))
        return head if at == now else at

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

    def claim(self, wanted: Wanted) -> Claimed:
        """As lua/claim.lua, once the epoch is known to be right."""
        known = self.claims.get(wanted.claim_id)
        if known is not None:
            return known.answer
        turn, now, horizon = Turn(self, wanted), wanted.now, wanted.horizon
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
            self.claims[wanted.claim_id] = Record(answer, wanted.lease_end, taken, turn.marks)
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
                self.gates.refund(record.marks.get(claim.lane_id, ()))
                self.gates.free_calls(self.lanes.get(claim.lane_id), [claim.loop_id])
            record.left -= 1
            if record.left < 1:
                del self.claims[claim.claim_id]
        for end in ends:
            hard_end = self.gates.in_call(end.loop_id)
            if end.until_ms is None or hard_end is None or hard_end <= end.until_ms:
                self.gates.free_calls(self.lanes.get(end.lane_id), [end.loop_id])
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
        self.gates.forget_ended(WHOLE, now)
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
                self.gates.free_calls(self.lanes.get(claim.lane_id), [claim.loop_id])
            if claim.lane_id in self.lanes and not holder.withdrawn:
                self._put(claim.lane_id, claim.loop_id, due if holder.then_ms is None else holder.then_ms)
        self._ring_if(len(stale) < len(releases))
        return stale

    def held_slots(self, after: Ms, until: Ms, limit: int) -> list[HeldSlot]:
        held = sorted(
            (end, str(loop), loop)
            for loop, end in self.gates.calls.get(WHOLE, {}).items()
            if after < end <= until
        )
        return [HeldSlot(loop, end) for end, _, loop in held[:limit]]

    def free_slots(self, slots: Sequence[tuple[int, HeldSlot]], now: Ms) -> int:
        before, freed = self.earliest(now), 0
        for lane_id, slot in slots:
            if self.gates.in_call(slot.loop_id) == slot.until_ms:
                self.gates.free_calls(self.lanes.get(lane_id), [slot.loop_id])
                self.gates.free(WHOLE, [slot.loop_id])
                freed += 1
        self._ring_if(self.earliest(now) < before)
        return freed

    def shape(self, lanes: Sequence[Lane], gates: Sequence[Gate], now: Ms) -> None:
        for gate in gates:
            self.gates.shape(gate, now)
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
            self.gates.restore(gates, loop_id, hard_end)

    def begin(self, builder: str, keep: bool) -> None:
        mark = f"{builder} {self.run_id}" if builder else ""
        if not keep:
            self.wipe(self.run_id)
        self.building = mark

    def open(self, stored: str, builder: str) -> None:
        """Raises EpochNotReady when it is not what that builder began."""
        if builder and self.building != f"{builder} {self.run_id}":
            raise EpochNotReady("the wheel is not ready", "it was lost while it was rebuilt")
        self.building = ""
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
