"""The wheel of the simulation as a server: one model shard, its bell, and what befalls it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable
from tests.simulation.history import History
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Server
from tests.simulation.shard import Shard


class WheelServer(Server):
    """Redis with the scripts. `tape`: what was called, for the test that plays it to a real server."""

    def __init__(
        self, loop: SimulatedLoop, history: History, *, slot_ms: Ms, lease_ms: Ms, call_ms: Ms
    ) -> None:
        super().__init__("wheel")
        self.loop = loop
        self.history = history
        self.slot_ms = slot_ms
        self.lease_ms = lease_ms
        self.call_ms = call_ms
        self._runs = 1
        self.shard = Shard(slot_ms, call_ms, "run1")
        self._listeners: list[asyncio.Future[None]] = []
        self.tape: list[tuple[str, dict[str, Any], Any]] | None = None

    def run(self, name: str, work: Callable[[], Any], told: dict[str, Any]) -> Any:
        """One script. Raises EpochNotReady."""
        answer = work()
        if self.tape is not None:
            self.tape.append((name, told, answer))
        self._hand_out_bell()
        return answer

    def listen(self, waiter: asyncio.Future[None]) -> None:
        if self.loop.now_s < self.away_until_s:
            _wake(waiter, ServerUnavailable("the wheel is away"))
            return
        self._listeners.append(waiter)
        self._hand_out_bell()

    def _hand_out_bell(self) -> None:
        self._listeners = [waiter for waiter in self._listeners if not waiter.done()]
        if self.shard.bell and self._listeners:
            self.shard.bell = False
            self.loop.post(0.0003, _wake, self._listeners.pop(0), None)

    # -- what befalls it -----------------------------------------------------------------------------

    def wipe(self, *, restarts: bool) -> None:
        """Everything is gone; `restarts`: and another process serves what is left."""
        if restarts:
            self._runs += 1
        self.shard.wipe(f"run{self._runs}")
        self.shard.spools.clear()
        if self.tape is not None:
            self.tape.append(("flush", {}, True))
        self._cut_listeners()

    def remember(self) -> Shard:
        return copy.deepcopy(self.shard)

    def fail_over(self, then: Shard) -> None:
        """A replica takes over that has what there was `then`; what was written since is lost."""
        self._runs += 1
        self.shard.__dict__.update(copy.deepcopy(then).__dict__)
        self.shard.run_id = f"run{self._runs}"
        self._cut_listeners()

    def restart(self, away_s: float) -> None:
        """It is away for a while and comes back with all it had, as another process."""
        self.away_until_s = self.loop.now_s + away_s
        self._runs += 1
        self.shard.run_id = f"run{self._runs}"
        self._cut_listeners()

    def _cut_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        for waiter in listeners:
            self.loop.post(0.001, _wake, waiter, ServerUnavailable("the wheel is away", "it was restarted"))


def _wake(waiter: asyncio.Future[None], error: Exception | None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
