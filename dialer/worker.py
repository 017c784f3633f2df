"""The dialer: claim what is due, arm it, and send it through the gate, once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid5

import msgspec
import structlog

from dialer.gate import may_send
from dialer.providers.base import Action, PlaceResult, Provider, Unknown
from dialer.recorder import Recorder, Sent
from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError, EpochNotReady
from scheduler.flow.arm import Armed, ArmResult, arm
from scheduler.flow.context import Flow
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics
from scheduler.wheel import Claim, Release

log = structlog.get_logger()

REST_S = 5.0
"""The longest a dialer sleeps: what wakes it in time is the wheel's own answer, or the bell."""

TROUBLE_REST_S = 0.5


class Pass(msgspec.Struct, frozen=True):
    """One claim's work: how many were claimed and sent, and when more may be due (None: nothing waits)."""

    claimed: int
    sent: int
    wake_at_ms: Ms | None


class Worker:
    """One dialer. `name` is unique among all dialers; `new_id` gives the ids of claims and permits."""

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        provider: Provider,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        *,
        name: str,
        installation_id: UUID,
        new_id: Callable[[], UUID],
        permit_s: float,
        claim_batch: int,
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._provider = provider
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._name = name
        self._installation_id = installation_id
        self._new_id = new_id
        self._permit_s = permit_s
        self._claim_batch = claim_batch
        self._epochs: dict[int, str] = {}
        self.dialled = asyncio.Event()
        """Set whenever something was sent: the provider may have news soon."""

    async def run(self, shard: int, stop: asyncio.Event, *, most_waiting: int = 2000) -> None:
        """Dial until `stop` is set. Several of these lines may run side by side."""
        while not stop.is_set():
            if self._recorder.waiting > most_waiting:  # the ledger is slower than the wheel: let it catch up
                await asyncio.sleep(0.005)
                continue
            try:
                done = await self.dial(shard)
            except EpochNotReady:
                await asyncio.sleep(TROUBLE_REST_S / 5)
                continue
            except DialwheelError as error:
                log.warning("claim_failed", shard=shard, why=error.what)
                await asyncio.sleep(TROUBLE_REST_S)
                continue
            if done.claimed == 0:
                await self._rest(shard, done.wake_at_ms, stop)

    async def dial(self, shard: int) -> Pass:
        """One pass: claim, arm, gate, send. Raises EpochNotReady while the wheel is being rebuilt."""
        try:
            claimed = await self._flow.wheel.claim(
                shard,
                worker=self._name,
                claim_id=self._new_id().hex,
                limit=self._claim_batch,
                now_ms=self._clock.now_ms(),
                wall_ms=self._clock.wall_ms(),
                epoch=await self._epoch(shard),
            )
        except EpochNotReady:
            self._epochs.pop(shard, None)
            raise
        if not claimed.claims:
            return Pass(0, 0, claimed.wake_at_ms)
        self._metrics.due(len(claimed.claims))
        sent = await self._arm_and_send(claimed.claims)
        return Pass(len(claimed.claims), sent, claimed.wake_at_ms)

    async def _arm_and_send(self, claims: list[Claim]) -> int:
        began_s = self._clock.monotonic_s()
        now_ms = self._clock.now_ms()
        permit = self._new_id()
        try:
            result = await arm(
                self._flow, self._ledger, claims, worker=self._name, permit=permit, now_ms=now_ms
            )
        except DialwheelError as error:
            # a commit in doubt is not sent: the leases run out, and the sweeper finds what was armed
            log.warning("arm_failed", claims=len(claims), why=error.what)
            await asyncio.sleep(TROUBLE_REST_S)
            return 0
        if result.reasons:
            log.info("arm_refused", **result.reasons)
        if result.refused or result.under_way:
            await self._give_back(result)
        if not result.armed:
            return 0
        return await self._send(result.armed, began_s)

    async def _send(self, armed: list[Armed], began_s: float) -> int:
        actions = [self._action(item) for item in armed]
        results: list[PlaceResult | None] = [None] * len(armed)
        allowed = [
            position
            for position, item in enumerate(armed)
            if may_send(
                self._clock,
                arm_began_s=began_s,
                permit_s=self._permit_s,
                not_after_ms=item.not_after_ms,
            )
        ]
        now_ms = self._clock.now_ms()
        if allowed:
            for position, answer in zip(
                allowed, await self._place([actions[p] for p in allowed], now_ms), strict=True
            ):
                results[position] = answer
        self._recorder.sent(
            [
                Sent(item.claim, item.attempt_id, item.permit, now_ms, answer)
                for item, answer in zip(armed, results, strict=True)
            ]
        )
        self._metrics.dispatched(*[(now_ms - item.due_at_ms) / 1000 for item in armed])
        self.dialled.set()
        return len(allowed)

    async def _place(self, actions: list[Action], now_ms: Ms) -> list[PlaceResult]:
        try:
            results = await self._provider.place(actions, now_ms)
        except Exception as error:  # an adapter's fault after bytes may have left: nobody knows
            log.error("provider_failed", provider=self._provider.name, error=type(error).__name__)
            return [Unknown("the provider's adapter failed")] * len(actions)
        if len(results) != len(actions):
            log.error("provider_failed", provider=self._provider.name, error="another number of answers")
            return [Unknown("the provider's adapter answered another number of calls")] * len(actions)
        return results

    def _action(self, item: Armed) -> Action:
        return Action(
            key=uuid5(self._installation_id, str(item.attempt_id)),
            attempt_id=item.attempt_id,
            to=item.phone,
            number=item.n,
            not_after_ms=item.not_after_ms,
            channel=item.channel,
        )

    async def _give_back(self, result: ArmResult) -> None:
        now_ms = self._clock.now_ms()
        near = [p for p in result.placings if self._flow.within_horizon(p.due_at_ms, now_ms)]
        unsent = [Release(claim, sent=False) for claim in result.refused]
        try:
            await self._flow.wheel.settle(
                releases=unsent + [Release(claim, sent=True) for claim in result.under_way],
                placings=near,
                now_ms=now_ms,
                wall_ms=self._clock.wall_ms(),
            )
        except DialwheelError as error:
            log.warning("claims_not_given_back", claims=len(unsent), why=error.what)

    async def _epoch(self, shard: int) -> str:
        if shard not in self._epochs:
            epoch = await self._flow.wheel.epoch(shard)
            if epoch is None:
                raise EpochNotReady("the wheel is not ready", "it is being rebuilt", "wait a moment")
            self._epochs[shard] = epoch
        return self._epochs[shard]

    async def _rest(self, shard: int, wake_at_ms: Ms | None, stop: asyncio.Event) -> None:
        """Until the wake time or the bell, whichever is first, on this process's own timers."""
        rest_s = REST_S
        if wake_at_ms is not None and self._clock.speed:
            rest_s = min(REST_S, max(0.0, (wake_at_ms - self._clock.now_ms()) / 1000 / self._clock.speed))
        if rest_s <= 0:
            await asyncio.sleep(0)
            return
        bell = asyncio.ensure_future(self._flow.wheel.wait_bell(shard, rest_s))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({bell, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if bell.done() and bell.exception() is not None:
                await asyncio.sleep(TROUBLE_REST_S)
        finally:
            bell.cancel()
            stopped.cancel()


class Pump:
    """Carries the provider's events to the recorder as they come due."""

    def __init__(self, provider: Provider, recorder: Recorder, worker: Worker, clock: Clock) -> None:
        self._provider = provider
        self._recorder = recorder
        self._worker = worker
        self._clock = clock

    async def run(self, stop: asyncio.Event, *, poll_s: float = 0.25) -> None:
        failing = False
        while not stop.is_set():
            self._worker.dialled.clear()
            try:
                carried = await self.carry()
            except DialwheelError as error:
                if not failing:
                    log.warning("events_not_fetched", provider=self._provider.name, why=error.what)
                failing = True
                await asyncio.sleep(TROUBLE_REST_S)
                continue
            failing = False
            if carried:  # asked again at once, the provider would only tell the same
                await self._recorder.events_taken(most_s=1.0)
            else:
                await self._wait(poll_s)

    async def carry(self, limit: int = 1000) -> int:
        """Hand over what is due now; answers how much of it is new."""
        return self._recorder.events(await self._provider.events(self._clock.now_ms(), limit))

    async def _wait(self, poll_s: float) -> None:
        due_ms = self._provider.next_event_at()
        wait_s = poll_s
        if due_ms is not None and self._clock.speed:
            wait_s = min(poll_s, max(0.001, (due_ms - self._clock.now_ms()) / 1000 / self._clock.speed))
        try:
            await asyncio.wait_for(self._worker.dialled.wait(), wait_s)
        except TimeoutError:
            return
