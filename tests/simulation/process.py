"""One process of dialwheel, made of the real parts, on a machine and servers that are simulated."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from api.parts import (
    Dialing,
    Services,
    Stores,
    dialing_tasks,
    make_dialing,
    make_flow,
    make_services,
    run_until,
    service_tasks,
)
from dialer.aside import Aside
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.ledger.accounts import Installation
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics
from scheduler.services.service import Service
from scheduler.settings import Settings
from tests.simulation.carrier import Carrier
from tests.simulation.ledger import LedgerServer
from tests.simulation.loop import OWNER, Machine, SimulatedLoop
from tests.simulation.network import Network
from tests.simulation.pool import Pool
from tests.simulation.provider import SimulatedCarrier
from tests.simulation.spool import Disk, SimulatedSpool
from tests.simulation.wheel import SimulatedWheel
from tests.simulation.wheel_server import WheelServer

T = TypeVar("T")

INSTALLATION = Installation(UUID(int=1), b"i" * 32, b"p" * 32, None, 1)
POLL_S = 20.0
"""How often a pump asks the provider that has told it of nothing."""


class MachineClock:
    """A clock of one machine: what it shows may be wrong, and monotonic time stands still with the
    machine."""

    speed = 1.0
    patience_s = 3600.0
    """Not the real clock: no probe compares it with the servers', and what a wrong one does is looked at."""

    def __init__(self, loop: SimulatedLoop, machine: Machine, base_ms: Ms) -> None:
        self._loop = loop
        self._machine = machine
        self._base_ms = base_ms
        self.wrong_s = 0.0

    def now_ms(self) -> Ms:
        return self._base_ms + int((self._loop.now_s + self.wrong_s) * 1000)

    def shows_at(self, at_s: float) -> Ms:
        """What this clock shows when so many seconds of the world have passed, rounded up."""
        return self._base_ms + math.ceil((at_s + self.wrong_s) * 1000)

    def seconds_until(self, at_ms: Ms) -> float:
        return (at_ms - self._base_ms) / 1000 - self._loop.now_s - self.wrong_s

    def wall_ms(self) -> Ms:
        return self.now_ms()

    def monotonic_s(self) -> float:
        return self._loop.now_s - self._machine.paused_s


class Silent(Metrics):
    """Counts nothing: what is measured has no part in the protocol."""

    def __init__(self) -> None: ...

    def due(self, attempts: int) -> None: ...

    def claimed(self, *lags_s: float) -> None: ...

    def gate_gap(self, seconds: float) -> None: ...

    def dispatched(self, *lags_s: float) -> None: ...

    def attempt_ended(self, outcome: str, attempts: int = 1) -> None: ...


class OfTheProtocol(Services):
    """Those services without which no call would be made, or be over. Others work beside them: jobs, news."""

    def all(self) -> tuple[Service, ...]:
        return (self.sweeper, self.feeder, self.calendars, self.reaper, self.reconciler)


class Ground:
    """What all processes of a world stand on."""

    def __init__(
        self,
        loop: SimulatedLoop,
        network: Network,
        ledger: LedgerServer,
        wheel: WheelServer,
        carrier: Carrier,
        settings: Settings,
        base_ms: Ms,
        *,
        finds: bool,
        spools: bool,
    ) -> None:
        """`finds`: the provider can be asked what became of an attempt; `spools`: processes have disks."""
        self.finds = finds
        self.spools = spools
        self.loop = loop
        self.network = network
        self.ledger = ledger
        self.wheel = wheel
        self.carrier = carrier
        self.settings = settings
        self.base_ms = base_ms


class Process:
    """Starts, is killed, frozen, stopped in order, and started again. `died` is told when it ends by
    itself."""

    def __init__(
        self, ground: Ground, name: str, rng: random.Random, died: Callable[[Process, BaseException], None]
    ) -> None:
        self._ground = ground
        self._rng = rng
        self._died = died
        self._starts = 0
        self.name = name
        self.machine = Machine(name)
        self.machine.die()
        self.wrong_s = 0.0
        self.disk = Disk(name)
        self.past: list[Machine] = []
        self.stop: asyncio.Event | None = None
        self._main: asyncio.Task[None] | None = None
        self._asked: list[asyncio.Future[Any]] = []

    @property
    def alive(self) -> bool:
        return self.machine.alive

    def start(self) -> None:
        """A new life: nothing is remembered of the one before."""
        self._starts += 1
        machine = self.machine = Machine(f"{self.name}.{self._starts}")
        self.past.append(machine)
        context = copy_context()
        context.run(OWNER.set, machine)
        context.run(self._boot, machine)

    def _boot(self, machine: Machine) -> None:
        ground = self._ground
        self.clock = MachineClock(ground.loop, machine, ground.base_ms)
        self.clock.wrong_s = self.wrong_s
        self._pools = [Pool(ground.network, ground.ledger, ground.loop, machine, size) for size in (4, 6)]
        database, ledger = (Database(pool, pool) for pool in self._pools)
        self._wheel = SimulatedWheel(ground.network, ground.wheel, machine)
        self.flow = make_flow(ground.settings, self.clock, database, database, self._wheel, INSTALLATION)  # type: ignore[arg-type]
        stores = Stores(
            ground.settings, self.clock, database, ledger, self._wheel, self.flow,  # type: ignore[arg-type]
            INSTALLATION, Silent(), self._new_id,
        )  # fmt: skip
        self.provider = SimulatedCarrier(ground.network, ground.carrier, machine, self.clock.shows_at)
        aside = Aside(SimulatedSpool(self.disk, self._rng), self._wheel) if ground.spools else None  # type: ignore[arg-type]
        self.dialing: Dialing = make_dialing(stores, self.provider, aside)
        self.dialing.worker._name = machine.name  # all processes of a simulation are one to the real name
        self.dialing.pump.run = partial(self.dialing.pump.run, poll_s=POLL_S)  # type: ignore[method-assign]
        find = self.provider.find if ground.finds else None
        self.services = OfTheProtocol(
            **vars(make_services(stores, self.provider.name, find, spools=ground.spools))
        )
        self.stop = asyncio.Event()
        self._main = ground.loop.create_task(self._run(machine, stores, self.stop))

    async def _run(self, machine: Machine, stores: Stores, stop: asyncio.Event) -> None:
        tasks = service_tasks(stores, self.services, stop) + dialing_tasks(stores, self.dialing, stop)
        try:
            await run_until(tasks, stop)
        except Exception as error:
            self._died(self, error)
        if machine is self.machine:
            self._end()

    def kill(self) -> None:
        """At once, wherever it is: nothing of it runs any more."""
        if self.alive:
            self._end()

    def _end(self) -> None:
        self.machine.die()
        for pool in self._pools:
            pool.cut()
        self._wheel.cut()
        asked, self._asked = self._asked, []
        for answer in asked:
            if not answer.done():
                answer.set_exception(ConnectionResetError("the process is gone"))

    def ask(self, work: Callable[[Process], Awaitable[T]]) -> asyncio.Future[T]:
        """Have the process do something, as a request would; ConnectionResetError when it dies meanwhile."""
        answer: asyncio.Future[T] = self._ground.loop.create_future()
        self._asked = [asked for asked in self._asked if not asked.done()]
        self._asked.append(answer)
        context = copy_context()
        context.run(OWNER.set, self.machine)
        context.run(self._ground.loop.create_task, self._answer(work, answer))
        return answer

    async def _answer(self, work: Callable[[Process], Awaitable[T]], answer: asyncio.Future[T]) -> None:
        try:
            result = await work(self)
        except DialwheelError as error:
            if not answer.done():
                answer.set_exception(error)
        except Exception as error:  # nothing else may come out of it
            self._died(self, error)
        else:
            if not answer.done():
                answer.set_result(result)

    def _new_id(self) -> UUID:
        return UUID(int=self._rng.getrandbits(128), version=4)
