"""One seed: a world is set up, lived in under faults, and judged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import NamedTuple
from uuid import UUID

from scheduler.domain.time import SECOND
from scheduler.services.rebuild import rebuild
from tests.simulation.calls import Call
from tests.simulation.carrier import Carrier
from tests.simulation.history import History
from tests.simulation.ledger import LedgerServer
from tests.simulation.loop import Machine, SimulatedLoop
from tests.simulation.nemesis import CLOCK_STEP_S, Nemesis, Trouble, draw_trouble
from tests.simulation.network import Network
from tests.simulation.operator import Operator
from tests.simulation.oracle import Limits, Oracle, Violation
from tests.simulation.process import Ground, Process
from tests.simulation.setting import CAPS, CLOSES_MS, SETTINGS, TUESDAY_2PM, furnish
from tests.simulation.tables import Row, Statement
from tests.simulation.wheel_server import WheelServer

FAULTS_S = 300.0
QUIET_S = 330.0
"""Lease, sweep, the time until an unknown is written off, and what was put off meanwhile."""

GRACE_S = 30.0
STOPS_S = 13.0
"""Within which a process that is told to stop has stopped: `run_until` cancels after ten seconds."""


class Outcome(NamedTuple):
    """What came of a seed."""

    seed: int
    mode: str
    violations: list[Violation]
    sometimes: Counter[str]
    simulated_s: float
    dials: int
    history: History


class World:
    """Servers, processes, people and trouble of one seed."""

    def __init__(self, seed: int, mode: str, trouble: Trouble | None = None) -> None:
        self.seed = seed
        self.mode = mode
        self.rng = random.Random(seed)
        rng = self.rng
        self.loop = SimulatedLoop(random.Random(rng.getrandbits(64)))  # type: ignore[abstract]
        self.history = History(self.loop)
        self.trouble = draw_trouble(rng) if trouble is None else trouble
        self.base_ms = TUESDAY_2PM if rng.random() < 0.8 else CLOSES_MS - rng.randrange(60, 360) * SECOND
        self.ledger = LedgerServer(self.loop, random.Random(rng.getrandbits(64)))
        soon_over = self.base_ms > TUESDAY_2PM
        most_calls, per_s = (
            1 if soon_over else rng.choice((1, 2, 2, 4)),
            rng.choice((None, None, 0.5, 1.0, 2.0)),
        )
        limits = Limits(
            permit_s=SETTINGS.permit_s,
            slack_s=SETTINGS.wall_slack_ms / SECOND + CLOCK_STEP_S,
            most_calls=most_calls,
            per_s=per_s,
            burst=1,
            caps=CAPS,
            closes_s=(CLOSES_MS - self.base_ms) / SECOND,
        )
        furnish(self.ledger.store, self.base_ms, most_calls, per_s)
        self.oracle = Oracle(self.history, self.ledger.store, limits)
        self.wheel = WheelServer(
            self.loop,
            self.history,
            slot_ms=SETTINGS.slot_ms,
            lease_ms=SETTINGS.lease_ms,
            call_ms=SETTINGS.call_ms,
        )
        self.carrier = Carrier(
            self.loop,
            random.Random(rng.getrandbits(64)),
            self.base_ms,
            self._on_dial,
            self.history,
            self._strike,
        )
        self.network = Network(
            self.loop, random.Random(rng.getrandbits(64)), strike=self._strike, history=self.history
        )
        ground = Ground(
            self.loop, self.network, self.ledger, self.wheel, self.carrier, SETTINGS, self.base_ms,
            finds=rng.random() < 0.5, spools=rng.random() < 0.6,
        )  # fmt: skip
        self.processes = [
            Process(ground, f"p{number}", random.Random(rng.getrandbits(64)), self._died)
            for number in range(rng.randint(2, 3))
        ]
        live = self.ledger.models["opt_out_live"]

        def opt_out_live(s: Statement, account_id: int, phone: str) -> list[Row]:
            rows = live(s, account_id, phone)
            self.history.count(
                "an opt-out drained an armed attempt", any(r["state"] == "armed" for r in rows)
            )
            return rows

        self.ledger.models["opt_out_live"] = opt_out_live
        self.nemesis = Nemesis(self, random.Random(rng.getrandbits(64)))
        self.operator = Operator(self, random.Random(rng.getrandbits(64)))

    def play(self) -> Outcome:
        """Raises what the simulation itself gets wrong."""
        self.loop.run(self._live())
        sometimes = self.history.sometimes
        sometimes["a statement waited for another's lock"] += self.ledger.waits
        sometimes["a transaction that stood still was ended"] += self.ledger.ended_idle
        return Outcome(
            self.seed, self.mode, self.oracle.violations, sometimes, self.loop.now_s,
            len(self.oracle.dials), self.history,
        )  # fmt: skip

    def discard(self) -> None:
        """Everything ends; what still runs must not reach a server any more."""
        for process in self.processes:
            for machine in process.past:
                machine.die()

    async def _live(self) -> None:
        for process in self.processes:
            process.start()
        self.network.faults = self.trouble.network
        self.carrier.manners = self.trouble.manners
        people = self.loop.create_task(self.operator.work(FAULTS_S))
        await self.nemesis.rage(FAULTS_S)
        if self.mode == "liveness":
            await self.nemesis.rest()
            await people
            await self._converge()
        self.discard()

    async def _converge(self) -> None:
        """Wait until nothing is left that the promises of progress speak of, `QUIET_S` at most."""
        await self.operator.resume()
        calm_s, found = self.loop.now_s, []
        await asyncio.sleep(QUIET_S / 3)
        while True:
            found = self._unfinished()
            if not found or self.loop.now_s - calm_s > 2 * QUIET_S:
                break
            await asyncio.sleep(10.0)
        self.oracle.violations += found
        for each in found:
            self.history.said("UNFINISHED", each.invariant, each.what)
        if not found:
            await self._check_rebuild()

    def _unfinished(self) -> list[Violation]:
        now_s, now_ms = self.loop.now_s, self.base_ms + int(self.loop.now_s * 1000)
        found = self.oracle.check_convergence(now_s, now_ms, enrolled=self.operator.enrolled, grace_s=GRACE_S)
        tables, shard = self.ledger.store.tables, self.wheel.shard
        if self.oracle.skewed:  # what was stamped by a wrong clock takes as long as that was wrong
            found = []
        old_s = SETTINGS.write_off_s + SETTINGS.unknown_after_s + 2 * SETTINGS.reap_s + GRACE_S
        for attempt in tables["attempt"].values():
            age_s = now_s - self.oracle.armed_s(attempt["attempt_id"])
            if (
                attempt["state"] in ("armed", "accepted", "unknown", "ringing", "in_call")
                and age_s > old_s
                and not self.oracle.skewed
            ):
                found.append(
                    Violation("I15", now_s, f"attempt {attempt['attempt_id']} is still {attempt['state']}")
                )
        for loop in tables["loop"].values():
            if loop["next_at"] is None:
                continue
            due_ms = int(loop["next_at"].timestamp() * 1000)
            if due_ms > now_ms + SETTINGS.horizon_s * SECOND - 2 * SETTINGS.feed_s * SECOND:
                continue
            key = (loop["lane_id"], loop["loop_id"])
            slot = (due_ms // shard.slot_ms, loop["loop_id"])
            if shard.waiting.get(key[0], {}).get(slot) != due_ms and key not in shard.holders:
                found.append(Violation("I22", now_s, f"loop {key[1]} is not on the wheel"))
        return found

    async def _check_rebuild(self) -> None:
        """I22, when everybody has stopped in order: nothing is leased, and a wheel rebuilt from the ledger
        holds what this one does."""
        for process in self.processes:
            assert process.stop is not None
            process.stop.set()
        await asyncio.sleep(STOPS_S)
        now_ms = self.base_ms + int(self.loop.now_s * 1000)
        for process in self.processes:
            if process.alive:
                self.oracle.broken("I14", f"{process.name} does not stop")
        if self.wheel.shard.claims and not self.oracle.skewed:  # a lease ends by the clock that began it
            self.oracle.broken("I14", f"{len(self.wheel.shard.claims)} claims are held when all have stopped")
        before = self._on_wheel()
        leased = set(self.wheel.shard.holders) if self.oracle.skewed else set()
        room, _ = self.wheel.shard.gates.passage(("a:1", "g:1"), now_ms)
        flow = self.processes[0].flow
        await rebuild(flow, 0, now_ms, new_id=lambda: UUID(int=9), call_ms=SETTINGS.call_ms, whole_too=True)
        after = self._on_wheel()
        horizon_ms = now_ms + SETTINGS.horizon_s * SECOND
        for lane_id, loop_id, due_ms in sorted(after - before):
            if due_ms < horizon_ms - SETTINGS.feed_s * SECOND and (lane_id, loop_id) not in leased:
                self.oracle.broken("I22", f"loop {loop_id} was not on lane {lane_id}")
        for _, _, due_ms in before - after:
            if due_ms < now_ms - GRACE_S * SECOND and room and self.oracle.open_at(self.loop.now_s):
                self.oracle.broken("I22", "what the ledger does not know lies on the wheel for ever")
            elif due_ms < horizon_ms:  # a plan of before: whoever claims it is refused, and it is gone
                self.history.count("a plan of before was still on the wheel")
        self.history.count("a wheel rebuilt at the end was the same", int(bool(after) and before >= after))

    def _on_wheel(self) -> set[tuple[int, int, int]]:
        return {
            (lane_id, loop_id, due_ms)
            for lane_id, waiting in self.wheel.shard.waiting.items()
            for (_, loop_id), due_ms in waiting.items()
        }

    def _on_dial(self, call: Call) -> None:
        self.oracle.on_dial(call)

    def _strike(self, machine: Machine) -> None:
        self.nemesis.strike(machine)

    def _died(self, process: Process, error: BaseException) -> None:
        """It ended by itself, as it never should; somebody starts it again."""
        self.oracle.broken("unforeseen", f"{process.machine.name} ended: {type(error).__name__}: {error}")
        self.loop.post(3.0, self.nemesis.start, process)
