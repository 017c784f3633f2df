"""The scripts against the model: any sequence of steps, the same truth. I1, I12, I13, I14."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from scheduler.wheel import CallEnd, Claim, Gate, Lane, Placing, Release, TimingWheel, scripts
from tests.wheel.builders import NOW
from tests.wheel.model import Held, Key, ModelGate, ModelLane, ModelShard

Answer = TypeVar("Answer")
SLOT_MS = 1_000
LEASE_MS = 5_000
CALL_MS = 20_000
CLASSES = ("live", "callback", "follow-up", "bulk")

_shards = itertools.count(2_000_000)  # apart from those of the other tests
lanes = st.integers(1, 4)
loops = st.integers(0, 5)
dues = st.integers(-3_000, 12_000)
keys = st.tuples(lanes, loops)


class WheelMachine(RuleBasedStateMachine):
    """Four lanes, four gates: one for calls, one for pace, one for both, one with a budget."""

    runner: asyncio.Runner
    wheel: TimingWheel

    @initialize()
    def begin(self) -> None:
        self.shard = next(_shards)
        self.now_ms = self.wall_ms = NOW
        self.claims = itertools.count()
        self.last: tuple[str, int, int, Any] | None = None
        self.leases: list[Claim] = []
        self.refunded = False  # a throttle gave something back: how much the model does not know
        self.model = ModelShard(
            lanes={
                1: ModelLane(("a:1",)),
                2: ModelLane(("a:1", "b:2")),
                3: ModelLane(("b:2", "g:3")),
                4: ModelLane(("c:4",)),
            },
            gates={
                "a:1": ModelGate(most=3),
                "b:2": ModelGate(interval_us=700_000, burst=2),
                "g:3": ModelGate(most=2, interval_us=300_000),
                "c:4": ModelGate(left=2, renews_ms=NOW + 3_000),
            },
        )
        self.run(self.wheel.open_epoch(self.shard, "e"))
        self.run(
            self.wheel.shape(
                [self.lane(lane_id) for lane_id in self.model.lanes],
                [self.gate(name) for name in self.model.gates],
                self.now_ms,
            )
        )

    def run(self, step: Coroutine[Any, Any, Answer]) -> Answer:
        return self.runner.run(step)

    def lane(self, lane_id: int) -> Lane:
        model = self.model.lanes[lane_id]
        return Lane(
            lane_id,
            self.shard,
            CLASSES[lane_id - 1],
            model.gates,
            open_until_ms=model.open_until,
            open_from_ms=model.open_from,
            paused=model.paused,
        )

    def gate(self, name: str) -> Gate:
        model = self.model.gates[name]
        renews_ms = None if math.isinf(model.renews_ms) else int(model.renews_ms)
        return Gate(
            name,
            self.shard,
            model.most,
            model.interval_us,
            model.burst,
            model.paused,
            model.left,
            renews_ms,
        )

    @rule(keys=st.lists(keys, min_size=1, max_size=6, unique=True), after_ms=dues)
    def place(self, keys: list[Key], after_ms: int) -> None:
        placings = [self.placing(key, self.now_ms + after_ms + key[1]) for key in keys]
        before = set(self.model.waiting)
        for each in placings:
            self.model.place((each.lane_id, each.loop_id), each.due_at_ms)
        assert self.run(self.wheel.place(placings, self.now_ms)) == len(set(self.model.waiting) - before)

    @rule(limit=st.integers(1, 8), ahead_ms=st.sampled_from([0, 0, 250]))
    def a_dialer_claims(self, limit: int, ahead_ms: int) -> None:
        self.claim(limit, ahead_ms)

    def claim(self, limit: int, ahead_ms: int) -> None:
        claim_id = f"c{next(self.claims)}"
        answer = self.claimed(claim_id, limit, ahead_ms)
        assert len(answer.claims) <= limit
        for each in answer.claims:
            key = (each.lane_id, each.loop_id)
            lane = self.model.lanes[each.lane_id]
            assert self.model.waiting.pop(key, None) == each.due_at_ms, "handed out what does not wait"
            assert each.due_at_ms <= self.now_ms + ahead_ms, "early"
            assert lane.opening(self.now_ms) == self.now_ms, "from a closed or paused lane"
            for gate in lane.gates:
                self.model.gates[gate].charge(key, self.now_ms, self.now_ms + CALL_MS)
            self.model.held[key] = Held(claim_id, each.due_at_ms, self.wall_ms + LEASE_MS)
        self.leases += answer.claims
        if not answer.claims and (answer.wake_at_ms is None or answer.wake_at_ms > self.now_ms):
            assert self.refunded or self.model.earliest(self.now_ms) > self.now_ms, "something sticks"
        self.last = (claim_id, limit, ahead_ms, answer)

    @rule(step_ms=st.sampled_from([300, 1_000, 4_000, 21_000]))
    def a_dialer_wakes_later(self, step_ms: int) -> None:
        self.time_passes(step_ms)
        self.claim(8, 0)

    @rule()
    def claim_the_same_again(self) -> None:
        if self.last is not None:
            claim_id, limit, ahead_ms, answer = self.last
            if any(held.claim_id == claim_id for held in self.model.held.values()):
                assert self.claimed(claim_id, limit, ahead_ms) == answer

    @rule(data=st.data(), sent=st.booleans(), next_ms=st.none() | dues)
    def settle(self, data: st.DataObject, sent: bool, next_ms: int | None) -> None:
        if not self.leases:
            return
        claims = data.draw(st.lists(st.sampled_from(self.leases), min_size=1, max_size=4, unique_by=key_of))
        stale = [claim for claim in claims if not self.holds(claim)]
        placings = []
        for claim in claims:
            if claim not in stale:
                self.model.release(key_of(claim), sent=sent)
                self.refunded |= not sent and claim.lane_id in (2, 3)
        if next_ms is not None:
            placings = [self.placing(key_of(claim), self.now_ms + next_ms) for claim in claims]
            for each in placings:
                self.model.place((each.lane_id, each.loop_id), each.due_at_ms)
        answer = self.run(
            self.wheel.settle(
                releases=[Release(claim, sent) for claim in claims],
                placings=placings,
                now_ms=self.now_ms,
                wall_ms=self.wall_ms,
            )
        )
        assert sorted(map(key_of, answer)) == sorted(map(key_of, stale))

    @rule(keys=st.lists(keys, min_size=1, max_size=4, unique=True))
    def end_calls(self, keys: list[Key]) -> None:
        for key in keys:
            self.model.free_calls(named(key))
        ends = [CallEnd(self.shard, *named(key)) for key in keys]
        self.run(self.wheel.settle(ends=ends, now_ms=self.now_ms, wall_ms=self.wall_ms))

    @rule(keys=st.lists(keys, min_size=1, max_size=4, unique=True), knows_the_time=st.booleans())
    def withdraw(self, keys: list[Key], knows_the_time: bool) -> None:
        for key in keys:
            self.model.withdraw(named(key))
        now_ms = self.now_ms if knows_the_time else 0
        self.run(self.wheel.withdraw([(self.shard, *named(key)) for key in keys], now_ms))

    @rule()
    def reap(self) -> None:
        gone = self.model.reap(self.wall_ms)
        answer = self.run(self.wheel.expired(self.shard, wall_ms=self.wall_ms, limit=500))
        over = [Release(claim, sent=False) for claim in answer]
        assert self.run(self.wheel.reap(over, now_ms=self.now_ms, wall_ms=self.wall_ms)) == []
        assert {key_of(claim) for claim in answer} == gone

    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        if self.leases:
            claim = data.draw(st.sampled_from(self.leases))
            stale = self.run(self.wheel.extend([claim], self.wall_ms))
            assert (stale == []) == self.holds(claim)
            if not stale:
                self.model.extend(claim.claim_id, self.wall_ms + LEASE_MS)

    @rule(step_ms=st.sampled_from([1, 299, 300, 700, 1_000]))
    def a_moment_passes(self, step_ms: int) -> None:
        self.time_passes(step_ms)

    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms
        self.wall_ms += step_ms

    @rule(lane_id=lanes, until=st.none() | dues, length=st.none() | dues, paused=st.booleans())
    def shape_lane(self, lane_id: int, until: int | None, length: int | None, paused: bool) -> None:
        lane = self.model.lanes[lane_id]
        lane.open_until = None if until is None else self.now_ms + until
        lane.open_from = None if until is None or length is None else self.now_ms + until + abs(length)
        lane.paused = paused and until is None
        self.run(self.wheel.shape([self.lane(lane_id)], now_ms=self.now_ms))

    @rule(name=st.sampled_from(["a:1", "g:3"]), most=st.integers(0, 4), paused=st.booleans())
    def shape_gate(self, name: str, most: int, paused: bool) -> None:
        gate = self.model.gates[name]
        live = sum(end > self.now_ms for end in gate.calls.values())
        gate.most = max(most, live) if live else most
        gate.paused = paused and most == 0
        self.run(self.wheel.shape(gates=[self.gate(name)], now_ms=self.now_ms))

    @rule(left=st.integers(0, 3), renews_in_ms=st.none() | st.integers(1, 5_000))
    def shape_budget(self, left: int, renews_in_ms: int | None) -> None:
        gate = self.model.gates["c:4"]
        gate.left = left
        gate.paid.clear()
        gate.renews_ms = math.inf if renews_in_ms is None else self.now_ms + renews_in_ms
        self.run(self.wheel.shape(gates=[self.gate("c:4")], now_ms=self.now_ms))

    @rule()
    def the_server_forgets_its_scripts(self) -> None:
        self.run(self.wheel._servers.client.script_flush())

    @invariant()
    def counts_agree(self) -> None:
        """I14: waiting and leased are what was placed, less what was withdrawn and released."""
        counts = self.run(self.wheel.counts(self.shard, self.now_ms))
        waiting = self.model.waiting
        assert counts.waiting == len(waiting)
        assert counts.overdue == sum(due < self.now_ms for due in waiting.values())
        assert counts.leased == len(self.model.held)
        held = {loop for gate in self.model.gates.values() for loop in gate.live(self.now_ms)}
        assert counts.in_call == len(held)
        placings = [Placing(self.shard, *key, due) for key, due in waiting.items()]
        assert self.run(self.wheel.missing(placings)) == []

    @invariant()
    def the_next_instant_agrees(self) -> None:
        """A stepped clock that moves there misses nothing."""
        wake = self.run(self.wheel.next_wake(self.shard, self.now_ms))
        expected = self.model.earliest(self.now_ms)
        if not self.refunded:
            assert (float("inf") if wake is None else max(wake, self.now_ms)) == expected
        elif expected < float("inf"):
            assert wake is not None

    @invariant()
    def rates_hold(self) -> None:
        for gate in self.model.gates.values():
            gate.check_rate()

    def claimed(self, claim_id: str, limit: int, ahead_ms: int) -> Any:
        return self.run(
            self.wheel.claim(
                self.shard,
                worker="w",
                claim_id=claim_id,
                limit=limit,
                now_ms=self.now_ms,
                wall_ms=self.wall_ms,
                epoch="e",
                ahead_ms=ahead_ms,
            )
        )

    def holds(self, claim: Claim) -> bool:
        held = self.model.held.get(key_of(claim))
        return held is not None and held.claim_id == claim.claim_id

    def placing(self, key: Key, due_ms: int) -> Placing:
        lane_id, loop_id = key if key[1] > 9 else named(key)
        return Placing(self.shard, lane_id, loop_id, due_ms)


def key_of(claim: Claim) -> Key:
    return claim.lane_id, claim.loop_id


def named(key: Key) -> Key:
    """Loops have ids of their own across lanes, as in the ledger."""
    return key[0], 100 * key[0] + key[1]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=[256, 2])
def split_at(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many loops a slot holds before it is split; few, so that a short sequence splits some."""
    text = scripts.script_text

    def with_small_slots(name: str) -> str:
        return text(name).replace("SPLIT_AT, PARTS = 256,", f"SPLIT_AT, PARTS = {request.param},")

    assert f"SPLIT_AT, PARTS = {request.param}," in with_small_slots("place")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scripts, "script_text", with_small_slots)
        scripts.script.cache_clear()
        yield request.param
    scripts.script.cache_clear()


def test_any_sequence_of_steps_keeps_the_wheel_true_to_its_model(
    wheel_url: str, runner: asyncio.Runner, split_at: int
):
    wheel = runner.run(
        TimingWheel.connect(wheel_url, shards=10**9, slot_ms=SLOT_MS, lease_ms=LEASE_MS, call_ms=CALL_MS)
    )
    WheelMachine.runner, WheelMachine.wheel = runner, wheel
    try:
        run_state_machine_as_test(
            WheelMachine,
            settings=settings(
                max_examples=60,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        runner.run(wheel.close())
