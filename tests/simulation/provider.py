"""What a process has of the simulated provider: requests over the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dialer.providers.base import HELD, Action, MayLeave, PlaceResult, ProviderEvent, Unknown, always
from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.lookup import Found, Lookup
from tests.simulation.carrier import Carrier
from tests.simulation.loop import Machine
from tests.simulation.network import Broken, Done, Network

TOTAL_S = 10.0
"""As `provider_total_s`: how long an answer to a send is waited for."""

SLOWEST_REQUEST_S = 0.08
"""The longest from bytes leaving to the provider's ear: what a margin of 5 % on two seconds covers."""


class SimulatedCarrier:
    """The provider's face to one process."""

    name = "carrier"
    live = False

    def __init__(
        self, network: Network, carrier: Carrier, machine: Machine, on_my_clock: Callable[[float], Ms]
    ) -> None:
        self._network = network
        self._carrier = carrier
        self._machine = machine
        self._on_my_clock = on_my_clock

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        """Opens a connection, which may take a while, asks the gate again, and lets the bytes go."""
        carrier = self._carrier
        await carrier.connect(self._machine)
        if not may_leave():
            carrier.history.count("the gate held back what was about to leave")
            return [HELD] * len(actions)
        try:
            answers: list[PlaceResult] = await self._network.call(
                self._machine,
                carrier,
                lambda done: carrier.place(actions, done),
                patience_s=TOTAL_S,
                slowest_s=SLOWEST_REQUEST_S,
                what="place",
                gated=True,
            )
        except Broken as broken:
            return [Unknown(str(broken))] * len(actions)
        if answers is None:
            raise ValueError("what the provider answered cannot be read")
        return answers

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        await self._ask(lambda done: self._carrier.hang_up(refs, done), "hang_up")

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        found: list[Found] = await self._ask(lambda done: self._carrier.find(attempts, done), "find")
        self._carrier.history.count("an attempt was looked up", len(found))
        return found

    def next_event_at(self) -> Ms | None:
        at_s = self._carrier.next_event_s()
        return None if at_s is None else self._on_my_clock(at_s)

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        found: list[ProviderEvent] = await self._ask(lambda done: self._carrier.events(limit, done), "events")
        return found

    async def acknowledge(self, event_ids: list[str]) -> None:
        if event_ids:
            await self._ask(lambda done: self._carrier.acknowledge(event_ids, done), "acknowledge")

    async def _ask(self, execute: Callable[[Done], None], what: str) -> Any:
        try:
            return await self._network.call(
                self._machine, self._carrier, execute, patience_s=TOTAL_S, what=what
            )
        except Broken as broken:
            raise ServerUnavailable("the provider does not answer", str(broken)) from None
