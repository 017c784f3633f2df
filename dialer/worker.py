"""The dialer: a claimer for each shard, and the sender that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

from dialer.claimer import Claimer, Limits, Pass
from dialer.gate import Gate
from dialer.journal import Journal
from dialer.providers.base import Provider
from dialer.recorder import Recorder
from dialer.sender import Sender
from scheduler.clock import Clock
from scheduler.flow.breaker import Breakers
from scheduler.flow.context import Flow
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics


class Worker:
    """One dialer. `name` is unique among all dialers; `new_id` gives the ids of claims and permits. While
    `may_arm` says no, nothing is claimed and what is held is given back."""

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        provider: Provider,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        gate: Gate,
        limits: Limits,
        *,
        name: str,
        installation_id: UUID,
        new_id: Callable[[], UUID],
        permit_s: float,
        send_s: float,
        may_arm: Callable[[], bool],
        breakers: Breakers | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._flow = flow
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._name = name
        self._new_id = new_id
        self._may_arm = may_arm
        self._sender = Sender(
            flow,
            ledger,
            provider,
            recorder,
            clock,
            metrics,
            gate,
            installation_id=installation_id,
            new_id=new_id,
            permit_s=permit_s,
            send_s=send_s,
            breakers=breakers,
            journal=journal,
        )
        self._by_hand: dict[int, Claimer] = {}

    @property
    def dialled(self) -> asyncio.Event:
        """Set whenever something was sent: the provider may have news soon."""
        return self._sender.dialled

    async def run(self, shard: int, stop: asyncio.Event) -> None:
        """Dial what comes due on a shard until `stop` is set. Raises LineFailed."""
        await self._claimer(shard, str(shard)).run(stop)

    async def dial(self, shard: int) -> Pass:
        """One pass by hand: claim, arm, gate, send. Raises EpochNotReady while the wheel is being rebuilt."""
        if shard not in self._by_hand:
            self._by_hand[shard] = self._claimer(shard, f"{shard}-by-hand")
        return await self._by_hand[shard].dial()

    def _claimer(self, shard: int, name: str) -> Claimer:
        return Claimer(
            self._flow,
            self._sender,
            self._recorder,
            self._clock,
            self._metrics,
            self._limits,
            shard=shard,
            name=f"{self._name}-{name}",
            new_id=self._new_id,
            may_arm=self._may_arm,
        )
