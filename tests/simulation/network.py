"""Between processes and servers: each call is a request and a reply, and either may be late or lost.

A request that has left its process arrives, whatever becomes of the process: bytes do not come back. A
process may die or freeze at a call, before the request leaves or when the reply is there: those are the
awaits at which it has something to lose.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.simulation.history import History
from tests.simulation.loop import Machine, SimulatedLoop


class Faults(NamedTuple):
    """How often a call meets what, each a probability; drawn once for each seed.

    `lost`: the request, or the reply of what was executed; the caller hears of it when its patience is over.
    `cut`: the same, and the caller hears at once. `slow`: up to two seconds each way. `struck`: the process
    is killed or frozen at this call.
    """

    lost: float = 0.0
    cut: float = 0.0
    slow: float = 0.0
    struck: float = 0.0


NO_FAULTS = Faults()


class Broken(Exception):
    """No reply came: `executed` is what nobody on this side can know."""

    def __init__(self, at_once: bool) -> None:
        super().__init__("the connection broke" if at_once else "no answer in time")
        self.at_once = at_once


class Done:
    """How a server answers: with a value or an error, now or when a lock is free."""

    __slots__ = ("_back_s", "_loop", "_waiter", "delivered")

    def __init__(self, loop: SimulatedLoop, waiter: asyncio.Future[Any] | None, back_s: float) -> None:
        self._loop = loop
        self._waiter = waiter
        self._back_s = back_s
        self.delivered = False

    def __call__(self, value: Any) -> None:
        self.delivered = True
        if self._waiter is not None:
            self._loop.post(self._back_s, _give, self._waiter, value, None)

    def fail(self, error: BaseException) -> None:
        self.delivered = True
        if self._waiter is not None:
            self._loop.post(self._back_s, _give, self._waiter, None, error)


class Server:
    """Whether one answers at all; `away_s`: until when it refuses every connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.away_until_s = 0.0


class Network:
    """Carries calls under the faults of the seed. `strike` is told who is hit at a call."""

    def __init__(
        self,
        loop: SimulatedLoop,
        rng: random.Random,
        *,
        strike: Callable[[Machine], None],
        history: History,
    ) -> None:
        self._loop = loop
        self._rng = rng
        self._strike = strike
        self._history = history
        self.faults = NO_FAULTS

    async def call(
        self,
        machine: Machine,
        server: Server,
        execute: Callable[[Done], None],
        *,
        patience_s: float,
        slowest_s: float = 2.0,
        what: str = "",
        gated: bool = False,
    ) -> Any:
        """What `execute` answers at the server. Raises Broken when no reply comes within `patience_s`.

        `gated`: the caller has asked the gate in this very callback, and nothing can come between but a
        freeze that falls into these microseconds; that one is left to the suite of real processes.
        """
        loop, draw = self._loop, self._rng.random
        waiter: asyncio.Future[Any] = loop.create_future()
        there_s = 0.0002 + 0.001 * draw()
        back_s = 0.0002 + 0.001 * draw()
        if loop.now_s < server.away_until_s:
            loop.post(there_s, _give, waiter, None, Broken(at_once=True))
            return await waiter
        faults, fate = self.faults, draw()
        if what == "commit":  # what nobody knows the end of is where the most can go wrong
            fate *= 0.1
        if fate < faults.struck:
            if not gated and draw() < 0.3:
                self._history.count("struck before a call")
                self._strike(machine)
                if not machine.alive:
                    return await waiter  # for ever
                await asyncio.sleep(0)  # it goes on when it thaws, and only then
            else:
                self._history.count("struck before a reply")
                loop.post(there_s + back_s, self._strike, machine)
        elif fate < faults.struck + faults.slow:
            there_s += draw() ** 3 * slowest_s
            back_s += draw() ** 3 * 2.0
        elif fate < faults.struck + faults.slow + faults.lost + faults.cut:
            at_once = fate >= faults.struck + faults.slow + faults.lost
            arrives = draw() < 0.6
            part = "reply" if arrives else "request"
            self._history.said("lost", machine.name, server.name, what, part)
            self._history.count(f"a call was lost: {part}")
            if arrives and what == "commit":
                self._history.count("a commit was in doubt")
                if draw() < 0.4:  # who learns of it much later finds the world changed
                    loop.post(there_s, self._strike, machine)
            if arrives:
                loop.post(there_s, self._arrive, server, execute, None, 0.0, patience_s)
            gone_s = there_s + back_s + (0.05 * draw() if at_once else patience_s)
            loop.post(gone_s, _give, waiter, None, Broken(at_once))
            return await waiter
        loop.post(there_s, self._arrive, server, execute, waiter, back_s, patience_s)
        return await waiter

    def _arrive(
        self,
        server: Server,
        execute: Callable[[Done], None],
        waiter: asyncio.Future[Any] | None,
        back_s: float,
        patience_s: float,
    ) -> None:
        if self._loop.now_s < server.away_until_s:
            if waiter is not None:
                self._loop.post(back_s, _give, waiter, None, Broken(at_once=True))
            return
        done = Done(self._loop, waiter, back_s)
        execute(done)
        if waiter is not None and not done.delivered:  # it waits for a lock, or says nothing at all
            self._loop.post(patience_s, _give, waiter, None, Broken(at_once=False))


def _give(waiter: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(value)
    else:
        waiter.set_exception(error)
