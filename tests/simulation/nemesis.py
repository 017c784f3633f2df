"""What befalls a world: drawn from its seed, on a plan of its own, and at the calls of its processes."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple

from scheduler.domain.time import SECOND
from tests.simulation.calls import GOOD_MANNERS, Manners
from tests.simulation.loop import Machine
from tests.simulation.network import NO_FAULTS, Faults
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Trouble(NamedTuple):
    """A seed's share of everything. `kinds`: what is done to processes and servers now and then."""

    network: Faults
    manners: Manners
    kinds: tuple[str, ...]
    every_s: float
    skewed: bool


KINDS = (
    *("kill", "freeze", "pause", "stop", "step", "wipe", "failover", "wheel_away", "ledger_away"),
    "lose_held",
)


CLOCK_STEP_S = 0.5
"""Clocks of processes differ by no more than this, unless the seed is one of skewed clocks."""


def draw_trouble(rng: random.Random) -> Trouble:
    """Each family of faults is there or not, so that some seeds are quiet but for one."""

    def some(most: float) -> float:
        return rng.random() * most if rng.random() < 0.5 else 0.0

    return Trouble(
        Faults(lost=some(0.01), cut=some(0.02), slow=some(0.05), struck=some(0.01)),
        Manners(
            *(some(0.25) for _ in range(5)), *(some(0.1) for _ in range(2)), *(some(0.4) for _ in range(3))
        ),
        tuple(kind for kind in KINDS if rng.random() < 0.4),
        every_s=rng.uniform(10.0, 60.0),
        skewed=rng.random() < 0.15,
    )


class Nemesis:
    """Strikes until told to rest, and then puts everything right."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._raging = False
        self.same_wheel = False
        """The wheel is served by one process all along: it may be emptied, no more."""

    async def rage(self, seconds: float) -> None:
        """Until so much virtual time has passed."""
        world, rng = self._world, self._rng
        self._raging = True
        world.oracle.skewed = world.trouble.skewed
        end_s = world.loop.now_s + seconds
        while True:
            wait_s = rng.expovariate(1 / world.trouble.every_s)
            if world.loop.now_s + wait_s >= end_s:
                break
            await asyncio.sleep(wait_s)
            if world.trouble.kinds:
                self._act(rng.choice(world.trouble.kinds))
        await asyncio.sleep(end_s - world.loop.now_s)

    async def rest(self) -> None:
        """No more faults: everybody runs, servers answer, clocks are right."""
        world = self._world
        self._raging = False
        world.network.faults = NO_FAULTS
        world.carrier.manners = GOOD_MANNERS
        world.history.said("calm")
        for process in world.processes:
            process.wrong_s = 0.0
            if process.alive:
                process.clock.wrong_s = 0.0
                if process.machine.frozen:
                    world.loop.thaw(process.machine)
            else:
                process.start()
        await asyncio.sleep(0)

    def strike(self, machine: Machine) -> None:
        """At a call of this machine."""
        if self._raging and machine.runs:
            for process in self._world.processes:
                if process.machine is machine:
                    self._hit(process, self._rng.choice(("kill", "freeze", "freeze", "pause")))
                    break

    def _act(self, kind: str) -> None:
        world, rng = self._world, self._rng
        if kind in ("kill", "freeze", "pause", "stop", "step"):
            running = [process for process in world.processes if process.machine.runs]
            if running:
                self._hit(rng.choice(running), kind)
            return
        if self.same_wheel and kind in ("failover", "wheel_away"):
            return
        if kind == "lose_held":
            self._lose_what_is_held()
            return
        world.history.said(kind)
        world.history.count(kind)
        if kind == "wipe":
            world.wheel.wipe(restarts=rng.random() < 0.5 and not self.same_wheel)
        elif kind == "failover":
            then = world.wheel.remember()
            world.loop.post(rng.uniform(0.05, 1.5), self._fail_over, then)
        elif kind == "wheel_away":
            world.wheel.restart(rng.uniform(0.2, 15.0))
        elif kind == "ledger_away":
            world.ledger.restart(rng.choice((0.1, 1.0, 20.0)) * rng.random())

    def _lose_what_is_held(self) -> None:
        """A claim waits in its dialer for its instant, and meanwhile the wheel is emptied and built anew."""
        world, rng = self._world, self._rng
        soon = [
            row["next_at"].timestamp() - world.base_ms / SECOND - world.loop.now_s
            for row in world.ledger.store.tables["loop"].values()
            if row["next_at"] is not None
        ]
        wait_s = min((each for each in soon if 0.3 < each < 60.0), default=0.3)
        world.loop.post(wait_s - rng.uniform(0.03, 0.2), self._empty_and_sweep)

    def _empty_and_sweep(self) -> None:
        world = self._world
        alive = [process for process in world.processes if process.machine.runs]
        if self._raging and alive:
            self._act("wipe")
            process = self._rng.choice(alive)
            process.ask(lambda it: it.services.sweeper.step(it.clock.now_ms())).add_done_callback(_heard)

    def _lose(self, kind: str) -> None:
        if self._raging:
            self._act(kind)

    def _fail_over(self, then: object) -> None:
        if self._raging:
            self._world.wheel.fail_over(then)  # type: ignore[arg-type]

    def _hit(self, process: Process, kind: str) -> None:
        world, rng, machine = self._world, self._rng, process.machine
        world.history.said(kind, machine.name)
        world.history.count(kind)
        if kind == "kill":
            process.kill()
            world.loop.post(rng.choice((0.5, 3.0, 20.0)) * rng.random(), self.start, process)
        elif kind == "stop":
            if process.stop is not None:
                process.stop.set()
            world.loop.post(15.0 + 5.0 * rng.random(), self.start, process)
        elif kind in ("freeze", "pause"):
            length_s = rng.choice((0.3, 1.5, 2.5, 5.0, 30.0)) * (0.5 + rng.random())
            world.loop.freeze(machine, whole_machine=kind == "pause")
            world.loop.post(length_s, self._thaw, machine, length_s if kind == "pause" else 0.0)
            losses = [each for each in ("wipe", "failover") if each in world.trouble.kinds]
            if losses and rng.random() < 0.5:  # what it holds is of a wheel that is gone when it goes on
                world.loop.post(0.2 * length_s, self._lose, rng.choice(losses))
        elif kind == "step":
            by_s = rng.uniform(-CLOCK_STEP_S, CLOCK_STEP_S) / 2
            if world.trouble.skewed:
                by_s = rng.choice((1.0, 60.0, 3600.0)) * rng.uniform(-1.0, 1.0)
            process.wrong_s = process.clock.wrong_s = by_s

    def start(self, process: Process) -> None:
        if not process.alive:
            process.start()
        elif process.stop is not None and process.stop.is_set():
            process.kill()
            process.start()

    def _thaw(self, machine: Machine, paused_s: float) -> None:
        if machine.frozen:
            self._world.history.said("thaw", machine.name)
            self._world.loop.thaw(machine, paused_s)


def _heard(answer: asyncio.Future[None]) -> None:
    """Whatever came of it."""
    if not answer.cancelled():
        answer.exception()
