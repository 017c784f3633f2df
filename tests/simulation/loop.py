"""An event loop of many processes in virtual time: what is ready runs in an order drawn from the seed.

Time stands still while a callback runs and jumps to the next timer when nothing is ready. Each callback
belongs to the process whose code scheduled it (or to the servers, None), so that one process can be killed
or frozen at any await while the others go on. No clock, no socket, no thread: the same seed runs the same
way.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

CALLBACK_S = 5e-5
"""Virtual time that each callback takes: who spins until an instant reaches it."""


class Machine:
    """What a process runs on, seen from its loop: whether it runs at all, and how late its own time is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.runs = True
        self.paused_s = 0.0
        """How long the whole machine stood still: its monotonic time knows nothing of it."""
        self.tasks: list[asyncio.Task[Any]] = []
        """Kept until the end: a dead process must not be tidied up while the others run."""
        self.kept: list[Handle] = []
        self.kept_timers: list[tuple[float, Handle]] = []

    def die(self) -> None:
        self.alive = self.runs = False


OWNER: ContextVar[Machine | None] = ContextVar("owner", default=None)


class Handle:
    """A callback to run, or a timer."""

    __slots__ = ("args", "callback", "context", "owner", "stopped")

    def __init__(
        self,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: Context | None,
        owner: Machine | None,
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.owner = owner
        self.stopped = False

    def cancel(self) -> None:
        self.stopped = True

    def cancelled(self) -> bool:
        return self.stopped


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Only what asyncio's own primitives need: callbacks, timers, futures, tasks."""

    def __init__(self, rng: random.Random) -> None:
        self._draw = rng.random
        self.now_s = 0.0
        self._owner: Machine | None = None
        self._ready: list[Handle] = []
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = 0
        self._running = False
        self.unheard: list[dict[str, Any]] = []

    # -- what asyncio asks ---------------------------------------------------------------------------

    def time(self) -> float:
        """Monotonic seconds of the machine whose code runs."""
        owner = self._owner
        return self.now_s if owner is None else self.now_s - owner.paused_s

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        if context is None:
            context = copy_context()
        handle = Handle(callback, args, context, context.get(OWNER))
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        return self._at(self.now_s + max(0.0, delay), callback, args, context or copy_context())

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        return self.call_later(when - self.time(), callback, *args, context=context)

    def post(self, delay_s: float, callback: Callable[..., Any], *args: Any) -> Handle:
        """A callback of the servers' or the network's, `delay_s` from now."""
        handle = Handle(callback, args, None, None)
        self._count += 1
        heapq.heappush(self._timers, (self.now_s + delay_s, self._count, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        owner = (context or copy_context()).get(OWNER)
        if owner is not None:
            if len(owner.tasks) > 64:
                owner.tasks = [kept for kept in owner.tasks if not kept.done()]
            owner.tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.unheard.append(context)

    # -- running -------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run until `main` is done. Raises what it raises, AssertionError when nothing is left to run."""
        events._set_running_loop(self)
        self._running = True
        try:
            done = self.create_task(main)
            self._run_until(done)
            return done.result()
        finally:
            self._running = False
            self._owner = None
            events._set_running_loop(None)

    def _run_until(self, done: asyncio.Task[Any]) -> None:
        ready, draw, pop = self._ready, self._draw, heapq.heappop
        while not done.done():
            timers = self._timers
            while timers and timers[0][0] <= self.now_s:
                ready.append(pop(timers)[2])
            if not ready:
                if not timers:
                    raise AssertionError("everybody waits for somebody else")
                self.now_s = timers[0][0]
                continue
            last = ready.pop()
            count = len(ready)
            if count:
                at = int(draw() * (count + 1))
                if at < count:
                    last, ready[at] = ready[at], last
            if last.stopped:
                continue
            owner = last.owner
            if owner is not None and not owner.runs:
                if owner.alive:
                    owner.kept.append(last)
                continue
            self._owner = owner
            self.now_s += CALLBACK_S
            if last.context is None:
                last.callback(*last.args)
            else:
                last.context.run(last.callback, *last.args)

    def _at(self, when_s: float, callback: Any, args: tuple[Any, ...], context: Context) -> Handle:
        handle = Handle(callback, args, context, context.get(OWNER))
        self._count += 1
        heapq.heappush(self._timers, (when_s, self._count, handle))
        return handle

    # -- what befalls machines -----------------------------------------------------------------------

    def freeze(self, machine: Machine, *, whole_machine: bool) -> None:
        """Nothing of it runs until `thaw`. `whole_machine`: its monotonic time stands still as well, and its
        timers with it; otherwise they run out meanwhile."""
        machine.frozen, machine.runs = True, False
        if whole_machine:
            mine = [entry for entry in self._timers if entry[2].owner is machine]
            machine.kept_timers = [(when_s - self.now_s, handle) for when_s, _, handle in sorted(mine)]
            self._timers = [entry for entry in self._timers if entry[2].owner is not machine]
            heapq.heapify(self._timers)

    def thaw(self, machine: Machine, paused_s: float = 0.0) -> None:
        """It goes on. `paused_s`: for how long the whole machine stood still."""
        machine.frozen, machine.runs = False, machine.alive
        machine.paused_s += paused_s
        self._ready += machine.kept
        machine.kept = []
        for left_s, handle in machine.kept_timers:
            self._count += 1
            heapq.heappush(self._timers, (self.now_s + left_s, self._count, handle))
        machine.kept_timers = []
