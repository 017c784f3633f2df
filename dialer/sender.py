"""The sender: permits for claims that are due, the gate, and each call once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID, uuid5

import structlog

from dialer.gate import Asked, Gate
from dialer.journal import Journal
from dialer.providers.base import (
    HELD,
    Accepted,
    Action,
    MayLeave,
    NotDialled,
    PlaceResult,
    Provider,
    Unknown,
)
from dialer.recorder import Recorder, Sent
from dialer.rest import TROUBLE_REST_S
from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.arm import Armed, ArmResult, arm
from scheduler.flow.breaker import Breakers
from scheduler.flow.context import Flow
from scheduler.flow.doubt import armed_in_doubt
from scheduler.ledger.database import Database
from scheduler.ledger.quarantine import Testimony
from scheduler.metrics import Metrics
from scheduler.wheel import Claim, Placing, Release

log = structlog.get_logger()

OTHER_S = 300.0
"""A call that this dialer's provider is not for waits so long for a dialer that has the other one."""

NOT_OURS = NotDialled("the account's calls go by another provider", "account", OTHER_S)


class Sender:
    """Shared by all claimers of a dialer. `new_id` gives the ids of permits; an arm that has not answered
    within `permit_s` is given up, as its permits could not be used any more. What went out under a permit is
    void when it arrives later than `send_s` after that was asked for. A provider that reaches real phones
    gets the calls of live accounts alone, one that plays them those of the others alone."""

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        provider: Provider,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        gate: Gate,
        *,
        installation_id: UUID,
        new_id: Callable[[], UUID],
        permit_s: float,
        send_s: float,
        breakers: Breakers | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._flow = flow
        self._ledger = ledger
        self._provider = provider
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._gate = gate
        self._installation_id = installation_id
        self._new_id = new_id
        self._permit_s = permit_s
        self._send_s = send_s
        self._breakers = breakers
        self._journal = journal
        self.dialled = asyncio.Event()
        """Set whenever something was sent: the provider may have news soon."""

    async def arm_and_send(self, claims: Sequence[Claim], worker: str, leased_s: float) -> int:
        """Send what of these due claims gets a permit; answers how many calls went out. `leased_s`: since
        when, in monotonic seconds, the oldest of their leases runs.

        With the ledger away this returns when it has answered again, or the leases are over.
        Raises what was unforeseen, unless some of the claims could be armed without it.
        """
        asked = self._gate.asked(leased_s)
        permits: list[UUID] = []
        self._metrics.claimed(*[-self._clock.seconds_until(claim.due_at_ms) for claim in claims])
        try:
            async with asyncio.timeout(self._permit_s):
                results = await self._arm(claims, worker, permits)
        except (DialwheelError, TimeoutError) as error:
            why = error.what if isinstance(error, DialwheelError) else "it took as long as a permit lasts"
            log.warning("arm_failed", claims=len(claims), why=why)
            await self._resolve(claims, permits, asked)
            return 0
        armed = [item for result in results for item in result.armed]
        sent = await self._send(armed, asked) if armed else 0
        for result in results:
            if result.reasons:
                log.info("arm_refused", **result.reasons)
            if result.refused or result.under_way:
                await self._settle_refused(result)
        return sent

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Claims that were not armed wait again where they were, for whoever comes."""
        if claims:
            releases = [Release(claim, sent=False) for claim in claims]
            placings = [Placing(c.shard, c.lane_id, c.loop_id, c.due_at_ms, 0) for c in claims]
            await self._settle(releases, placings)

    async def _resolve(self, claims: Sequence[Claim], permits: Sequence[UUID], asked: Asked) -> None:
        """An arm whose answer was lost may have been committed. It is not sent: once the ledger says what was
        armed, that is reported as not sent, and the rest is given back. Nothing is claimed meanwhile."""
        lease_s = self._flow.wheel.lease_ms / SECOND
        while self._clock.monotonic_s() - asked.monotonic_s < lease_s:
            await asyncio.sleep(TROUBLE_REST_S)
            try:
                doubts = await armed_in_doubt(self._ledger, claims, permits)
            except DialwheelError:
                continue
            now_ms = self._clock.now_ms()
            self._recorder.sent([Sent(d.claim, d.attempt_id, d.permit, now_ms, None) for d in doubts])
            armed = {doubt.claim for doubt in doubts}
            await self.give_back([claim for claim in claims if claim not in armed])
            return

    async def _arm(self, claims: Sequence[Claim], worker: str, permits: list[UUID]) -> list[ArmResult]:
        """Arm them together. What the planner or the ledger cannot digest is parted from the others: its
        lease runs out, and it comes again and is heard of again."""
        try:
            permit, now_ms = self._new_id(), self._clock.now_ms()
            permits.append(permit)
            return [await arm(self._flow, self._ledger, claims, worker=worker, permit=permit, now_ms=now_ms)]
        except DialwheelError:
            raise
        except Exception as error:
            if len(claims) == 1:
                raise
            middle = len(claims) // 2
            results: list[ArmResult] = []
            failed: list[Sequence[Claim]] = []
            for part in (claims[:middle], claims[middle:]):
                try:
                    results += await self._arm(part, worker, permits)
                except DialwheelError:
                    raise
                except Exception:
                    failed.append(part)
            if len(failed) == 2:
                raise
            loops = [claim.loop_id for part in failed for claim in part]
            log.error("loops_not_armed", loops=loops, error=type(error).__name__)
            return results

    async def _send(self, armed: list[Armed], asked: Asked) -> int:
        arrive_by_ms = self._arrive_by_ms(asked)
        actions = [self._action(item, arrive_by_ms) for item in armed]
        ours = [(at, item) for at, item in enumerate(armed) if item.simulated != self._provider.live]
        results: list[PlaceResult | None] = [NOT_OURS] * len(armed)
        for position, _ in ours:
            results[position] = None
        kept = await self._keep([item for _, item in ours])
        looked_s = self._clock.monotonic_s()
        allowed = [
            position
            for position, item in ours
            if kept and self._gate.may_send(asked, due_at_ms=item.due_at_ms, not_after_ms=item.not_after_ms)
        ]
        now_ms = self._clock.now_ms()
        if allowed:
            going = [actions[position] for position in allowed]
            not_after_ms = min(action.not_after_ms for action in going)
            may_leave = partial(self._gate.may_send, asked, due_at_ms=now_ms, not_after_ms=not_after_ms)
            gap_s = self._clock.monotonic_s() - looked_s
            for position, answer in zip(allowed, await self._place(going, now_ms, may_leave), strict=True):
                results[position] = None if answer is HELD else answer
            self._metrics.gate_gap(gap_s)
        self._recorder.sent(
            [
                Sent(item.claim, item.attempt_id, item.permit, now_ms, answer)
                for item, answer in zip(armed, results, strict=True)
            ]
        )
        self._tell_breakers(armed, results)
        left = [item for position, item in ours if results[position] is not None]
        self._metrics.dispatched(*[(now_ms - item.due_at_ms) / 1000 for item in left])
        self.dialled.set()
        return len(left)

    async def _keep(self, armed: list[Armed]) -> bool:
        """Put down in the journal who is about to be called: should the ledger forget it, this is left. What
        cannot be put down is not sent."""
        if self._journal is None:
            return True
        now_ms = self._clock.now_ms()
        by_permit: dict[UUID, list[Testimony]] = {}
        for item in armed:
            who = self._flow.lead_key(None, item.phone)
            called = Testimony(
                item.account_id, who, now_ms, item.attempt_id, item.loop_id, item.n, item.permit
            )
            by_permit.setdefault(item.permit, []).append(called)
        try:
            await asyncio.gather(*[self._journal.keep(called) for called in by_permit.values()])
        except DialwheelError as error:
            log.error("calls_not_sent", calls=len(armed), why=error.what, because=error.why)
            return False
        return True

    async def _place(self, actions: list[Action], now_ms: Ms, may_leave: MayLeave) -> list[PlaceResult]:
        try:
            results = await self._provider.place(actions, now_ms, may_leave)
        except Exception as error:  # an adapter's fault after bytes may have left: nobody knows
            log.error("provider_failed", provider=self._provider.name, error=type(error).__name__)
            return [Unknown("the provider's adapter failed")] * len(actions)
        if len(results) != len(actions):
            log.error("provider_failed", provider=self._provider.name, error="another number of answers")
            return [Unknown("the provider's adapter answered another number of calls")] * len(actions)
        return results

    def _tell_breakers(self, armed: list[Armed], results: list[PlaceResult | None]) -> None:
        if self._breakers is None:
            return
        for item, answer in zip(armed, results, strict=True):
            if answer is NOT_OURS:
                continue
            if isinstance(answer, Accepted):
                self._breakers.got_through(item.lane_id)
            elif isinstance(answer, Unknown) or (answer is not None and answer.scope in ("route", "account")):
                self._breakers.failed(item.lane_id, answer.reason)

    def _arrive_by_ms(self, asked: Asked) -> Ms:
        """On the Clock; never later than `send_s` after the ledger's instant of these arms."""
        now_ms = self._clock.now_ms()
        left_s = self._send_s - (self._clock.monotonic_s() - asked.monotonic_s)
        return now_ms + int(left_s * SECOND * max(1.0, self._clock.speed))

    def _action(self, item: Armed, arrive_by_ms: Ms) -> Action:
        return Action(
            key=uuid5(self._installation_id, str(item.attempt_id)),
            attempt_id=item.attempt_id,
            to=item.phone,
            number=item.n,
            not_after_ms=item.not_after_ms,
            channel=item.channel,
            caller_id=item.caller_id,
            arrive_by_ms=arrive_by_ms,
            brief=item.brief,
        )

    async def _settle_refused(self, result: ArmResult) -> None:
        now_ms = self._clock.now_ms()
        near = [p for p in result.placings if self._flow.within_horizon(p.due_at_ms, now_ms)]
        unsent = [Release(claim, sent=False) for claim in result.refused]
        await self._settle(unsent + [Release(claim, sent=True) for claim in result.under_way], near)

    async def _settle(self, releases: list[Release], placings: list[Placing]) -> None:
        try:
            await self._flow.wheel.settle(
                releases=releases,
                placings=placings,
                now_ms=self._clock.now_ms(),
                wall_ms=self._clock.wall_ms(),
            )
        except DialwheelError as error:
            log.warning("claims_not_given_back", claims=len(releases), why=error.what)
