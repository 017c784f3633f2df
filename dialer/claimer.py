"""The claimer of a shard: it claims a little ahead of time, and hands on what is due then, never early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog

from dialer.asker import Asker
from dialer.hold import Hold
from dialer.recorder import Recorder
from dialer.rest import TROUBLE_REST_S, Rest
from dialer.sender import Sender
from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError, EpochNotReady, LineFailed
from scheduler.flow.context import Flow
from scheduler.metrics import Metrics
from scheduler.wheel import Claim

log = structlog.get_logger()

REST_S = 5.0
"""The longest sleep: what wakes a claimer in time is the wheel's own answer, or the bell."""

_MOST_AGAIN_MS: Ms = 64
"""A claim that got nothing though more is ready is asked again after 1 ms, 2 ms, … up to this."""


class Limits(msgspec.Struct, frozen=True):
    """What a claimer takes on: see the settings of these names. `news_most`: a recorder with more than so
    much to write down is let catch up first."""

    claim_batch: int
    claim_ahead_ms: Ms
    claims_held: int
    dial_lines: int
    line_failures: int
    news_most: int = 2000


class Pass(msgspec.Struct, frozen=True):
    """One claim's work: how many were claimed and sent, and when more may be due (None: nothing waits)."""

    claimed: int
    sent: int
    wake_at_ms: Ms | None


class Claimer:
    """One claim at a time, and `dial_lines` groups of claims on their way through the sender.

    What is held is leased anew only while a line is free to send it: a dialer that hangs loses its leases to
    others. `name` is unique among all claimers.
    """

    def __init__(
        self,
        flow: Flow,
        sender: Sender,
        recorder: Recorder,
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
        *,
        shard: int,
        name: str,
        new_id: Callable[[], UUID],
        may_arm: Callable[[], bool],
    ) -> None:
        self._sender = sender
        self._recorder = recorder
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._shard = shard
        self._name = name
        self._may_arm = may_arm
        self._asker = Asker(flow, clock, shard=shard, name=name, new_id=new_id)
        self._hold = Hold()
        self._lines: set[asyncio.Task[int]] = set()
        self._rest = Rest(flow.wheel, shard)
        self._claim_at_ms: Ms | None = None
        self._claim_by_s = 0.0
        self._again_ms: Ms = 1

    async def run(self, stop: asyncio.Event) -> None:
        """Dial until `stop` is set, finish what is being sent, and give back what is claimed and not armed.

        Raises LineFailed when what was unforeseen comes again and again.
        """
        helpers = [asyncio.create_task(self._rest.listen()), asyncio.create_task(self._wake_at(stop))]
        try:
            await self._run(stop)
        except asyncio.CancelledError:
            for line in self._lines:
                line.cancel()
            raise
        finally:
            for helper in helpers:
                helper.cancel()
            await self._leave()

    async def dial(self) -> Pass:
        """One pass by hand, for a clock that stands still: claim what is due, arm, gate, send.

        Raises EpochNotReady while the wheel is being rebuilt.
        """
        if not self._may_arm():
            return Pass(0, 0, None)
        claims, wake_at_ms = await self._claim(self._limits.claim_batch, ahead_ms=0)
        sent = await self._sender.arm_and_send(claims, self._name, self._asker.leased_s) if claims else 0
        return Pass(len(claims), sent, wake_at_ms)

    async def _run(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                if await self._turn():
                    failures = 0
            except EpochNotReady:
                await asyncio.sleep(TROUBLE_REST_S / 5)
            except DialwheelError as error:
                log.warning("claim_failed", shard=self._shard, why=error.what)
                await asyncio.sleep(TROUBLE_REST_S)
            except Exception as error:
                failures += 1
                log.error("line_failed", shard=self._shard, error=type(error).__name__, failures=failures)
                if failures >= self._limits.line_failures:
                    raise LineFailed(
                        f"the dialer failed {failures} times in a row",
                        f"the last time with {type(error).__name__}",
                        "the log says more; other dialers take over what it had claimed",
                    ) from error
                await asyncio.sleep(TROUBLE_REST_S)

    async def _turn(self) -> bool:
        """Send what has come due, claim what will, rest. Answers whether all is well: a group got through, or
        there is none. Raises what a group met with that was sent before."""
        done = {line for line in self._lines if line.done()}
        self._lines -= done
        errors = [error for line in done if (error := line.exception()) is not None]
        if errors:
            raise errors[0]
        if not self._may_arm():
            await self._sender.give_back(self._hold.clear())
            await self._rest.wait(TROUBLE_REST_S)
            return True
        if self._recorder.waiting > self._limits.news_most:  # the ledger is slower than the wheel
            await asyncio.sleep(0.005)
            return bool(done)
        if self._is_free():
            await self._renew()
            self._send(self._hold.take(self._clock.now_ms(), self._limits.claim_batch), self._hold.leased_s)
        room = min(self._limits.claim_batch, self._limits.claims_held - len(self._hold))
        if self._is_free() and room > 0 and self._claims_now():
            self._send(await self._claim_ahead(room), self._asker.leased_s)
        else:
            await self._rest.wait(self._rest_s(room))
        return bool(done) or not self._lines

    def _is_free(self) -> bool:
        return len(self._lines) < self._limits.dial_lines

    def _send(self, due: list[Claim], leased_s: float) -> None:
        if due:
            line = asyncio.create_task(self._sender.arm_and_send(due, self._name, leased_s))
            line.add_done_callback(lambda _: self._rest.wake())
            self._lines.add(line)

    def _claims_now(self) -> bool:
        """Whether to ask the wheel: the bell rang, the wake time came, or nothing was heard for long."""
        return (
            self._rest.rang()
            or self._asker.unanswered
            or (self._claim_at_ms is not None and self._claim_at_ms <= self._clock.now_ms())
            or self._claim_by_s <= self._clock.monotonic_s()
        )

    def _rest_s(self, room: int) -> float:
        """Real seconds until there is something to do that neither the bell nor a line's end tells of."""
        ends = [REST_S]
        if self._is_free():
            if self._hold.next_due_ms is not None:
                ends.append(self._clock.seconds_until(self._hold.next_due_ms))
                ends.append(self._hold.leased_s + self._asker.renew_after_s - self._clock.monotonic_s())
            if room > 0:
                ends.append(self._claim_by_s - self._clock.monotonic_s())
                if self._claim_at_ms is not None:
                    ends.append(self._clock.seconds_until(self._claim_at_ms))
        return min(ends)

    async def _claim_ahead(self, limit: int) -> list[Claim]:
        """Claim what is due soon and hold it; answers what is due already, which is not held: a live lead
        among it waits for nothing held.

        Ahead of time only where a second of the Clock is a real one: on a faster clock a quarter of a second
        of it is shorter than a claim takes.
        """
        ahead_ms = self._limits.claim_ahead_ms if self._clock.speed == 1.0 else 0
        claims, wake_at_ms = await self._claim(limit, ahead_ms)
        now_ms = self._clock.now_ms()
        self._claim_by_s = self._clock.monotonic_s() + REST_S
        self._claim_at_ms = wake_at_ms
        if len(claims) == limit:  # there may be more within reach
            self._claim_at_ms = now_ms
        elif wake_at_ms is not None and wake_at_ms > now_ms + ahead_ms:
            self._claim_at_ms = wake_at_ms - ahead_ms // 2  # by then a good deal is within reach at once
        elif wake_at_ms is not None and wake_at_ms <= now_ms and not claims:
            self._claim_at_ms = now_ms + self._again_ms
            self._again_ms = min(2 * self._again_ms, _MOST_AGAIN_MS)
            return []
        self._again_ms = 1
        self._hold.add([claim for claim in claims if claim.due_at_ms > now_ms], self._asker.leased_s)
        return [claim for claim in claims if claim.due_at_ms <= now_ms]

    async def _claim(self, limit: int, ahead_ms: Ms) -> tuple[list[Claim], Ms | None]:
        """Raises EpochNotReady, with nothing held any more."""
        try:
            claims, wake_at_ms = await self._asker.claim(limit, ahead_ms)
        except EpochNotReady:
            self._claim_by_s = 0.0
            self._hold.clear()
            raise
        if self._asker.came_late(claims):
            await self._sender.give_back(claims)
            return [], self._clock.now_ms()
        self._metrics.due(len(claims))
        return claims, wake_at_ms

    async def _leave(self) -> None:
        """Let the lines finish, then give back what is held, and what a claim got whose answer was lost:
        others need not wait for its lease."""
        if self._lines:
            await asyncio.wait(self._lines)
        if self._asker.unanswered:
            with suppress(DialwheelError):
                claims, _ = await self._claim(1, ahead_ms=0)
                self._hold.add(claims, self._asker.leased_s)
        await self._sender.give_back(self._hold.clear())

    async def _renew(self) -> None:
        """Renew the leases of what is held when a third of the oldest is over; drop what is ours no more."""
        if len(self._hold) and self._asker.is_old(self._hold.leased_s):
            began_s = self._clock.monotonic_s()
            stale = await self._asker.extend(self._hold.all())
            self._hold.renewed(stale, began_s)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._rest.wake()
