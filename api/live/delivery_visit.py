"""One visit to a webhook: what is due is sent, then what has happened since, while the lease allows.

Events of one lead go out in their order: a lane sends one after the other, and what comes later waits while
an earlier one is tried again within the first minutes. Nothing is lost: what was under way when a process
died is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from api.live.delivery_bodies import Message, read_events, write_messages
from api.live.delivery_course import Course
from dialer.signing import sign
from dialer.webhooks.retries import DISABLE_MS, next_breath_ms, next_try_ms
from dialer.webhooks.sealing import Sealer
from dialer.webhooks.sender import Answer, WebhookSender
from scheduler.clock import Clock
from scheduler.domain.jitter import draw
from scheduler.domain.time import DAY, MINUTE, SECOND, Ms
from scheduler.insight.events import Event
from scheduler.ledger import deliveries as ledger
from scheduler.ledger.database import Database
from scheduler.ledger.deliveries import Delivery, Settled, Taken
from scheduler.ledger.tenancy import serving
from scheduler.metrics import Metrics
from scheduler.public_ids import PublicIds

log = structlog.get_logger()

LEASE_MS: Ms = 45 * SECOND
SENDS_FOR_S = 20.0
"""No request begins later in a visit; with the 15 s that it may take, the lease outlives it."""

AT_ONCE = 100
"""Events in one round, and in one body."""

LANES = 8
"""Requests to one endpoint at the same time."""

HELD_TRIES = 3
"""What a lead's later events wait for: the tries at once, after 5 s and after 5 min. One that its receiver
cannot take must not hold up the rest for three days."""

GATHER_MS: Ms = SECOND
"""A batch that is not full is followed by the next one so much later."""

REST_MS: Ms = SECOND
"""When nothing could be done."""


@dataclass(frozen=True)
class Outlet:
    """What visits are made with."""

    database: Database
    ids: PublicIds
    clock: Clock
    sealer: Sealer
    sender: WebhookSender
    metrics: Metrics


class Visit:
    """`may_go_on`: no request begins once it says no."""

    def __init__(self, outlet: Outlet, taken: Taken, may_go_on: Callable[[], bool]) -> None:
        self._outlet = outlet
        self._taken = taken
        self._may_go_on = may_go_on
        self._course = Course(outlet.database, taken)
        self._until_s = outlet.clock.monotonic_s() + SENDS_FOR_S
        self._failures = taken.failures
        self._failing_since_ms = taken.failing_since_ms
        self._next_at_ms: Ms = outlet.clock.now_ms()
        self._halted = False

    async def make(self) -> None:
        """Raises ServerUnavailable; the lease then runs out by itself."""
        secrets = self._secrets()
        while secrets and self._goes_on() and await self._round(secrets):
            pass
        await ledger.give_back(
            self._outlet.database,
            self._taken,
            failures=self._failures,
            failing_since_ms=self._failing_since_ms,
            next_at_ms=self._next_at_ms,
            wall_ms=self._outlet.clock.wall_ms(),
        )

    def _secrets(self) -> list[bytes]:
        taken = self._taken
        try:
            return [
                self._outlet.sealer.open(one, taken.account_id, taken.webhook_id) for one in taken.secrets
            ]
        except ValueError as error:  # this process may lack the key that another one has: ask again later
            log.error("webhook_secret_unreadable", webhook=taken.webhook_id, why=str(error))
            self._rest(MINUTE)
            return []

    def _goes_on(self) -> bool:
        late = self._outlet.clock.monotonic_s() >= self._until_s
        return not self._halted and not late and self._may_go_on()

    async def _round(self, secrets: Sequence[bytes]) -> bool:
        """Whether there may be more to do at once."""
        more, due = True, await self._due()
        if not due:
            more = await self._write_new()
            due = await self._due()
        if due:
            await self._send(due, secrets)
        elif not more:
            self._rest(REST_MS)
        return more

    async def _due(self) -> list[Delivery]:
        """As many as may be read and written at once."""
        found = await ledger.due_deliveries(
            self._outlet.database,
            self._taken,
            now_ms=self._outlet.clock.now_ms(),
            most=AT_ONCE,
            held_tries=HELD_TRIES,
        )
        events = 0
        for place, delivery in enumerate(found):
            events += delivery.events
            if events > AT_ONCE and place:
                return found[:place]
        return found

    async def _write_new(self) -> bool:
        """Whether there may be more. An endpoint that fails is asked with one event whether it still does."""
        stretch = await self._course.write(self._outlet.clock.now_ms(), 1 if self._failures else AT_ONCE)
        if self._taken.mode == "batch" and not stretch.more:
            self._rest(GATHER_MS)
        return stretch.more

    async def _send(self, due: Sequence[Delivery], secrets: Sequence[bytes]) -> None:
        outlet, account_id = self._outlet, self._taken.account_id
        expired: list[Settled] = []
        found: list[tuple[Delivery, list[Event]]] = []
        with serving(account_id):  # whatever goes wrong, nothing of another account is read here
            for delivery in due:
                events = await self._events(delivery)
                if events is None:
                    expired.append(self._expired(delivery))
                else:
                    found.append((delivery, events))
            messages = await write_messages(
                outlet.database, outlet.ids, account_id, found, outlet.clock.now_ms()
            )
        width = 1 if self._failures else LANES
        lanes: dict[int, list[tuple[Delivery, Message]]] = {}
        for (delivery, _), message in zip(found, messages, strict=True):
            lanes.setdefault((delivery.lead_id or 0) % width, []).append((delivery, message))
        tried = await asyncio.gather(*(self._lane(lane, secrets) for lane in lanes.values()))
        settled = [one for lane in tried for one in lane]
        await ledger.settle_deliveries(outlet.database, [*expired, *settled], outlet.clock.now_ms())
        for one in (*expired, *settled):
            outlet.metrics.webhook_delivery("retried" if one.state == "pending" else one.state)
        await self._judge(settled)

    async def _events(self, delivery: Delivery) -> list[Event] | None:
        """None when they are no longer kept."""
        written = self._course.written.get(delivery.after_seq, [])
        if len(written) == delivery.events and delivery.types == self._taken.types:
            return written
        return await read_events(self._outlet.database, self._taken.account_id, delivery)

    async def _lane(
        self, lane: Sequence[tuple[Delivery, Message]], secrets: Sequence[bytes]
    ) -> list[Settled]:
        """One after the other, until something fails anywhere."""
        settled = []
        for delivery, message in lane:
            if not self._goes_on():
                break
            signed = sign(secrets, message.id, self._outlet.clock.wall_ms() // SECOND, message.body)
            answer = await self._outlet.sender.send(self._taken.url, signed, message.body)
            settled.append(self._settled(delivery, answer))
        return settled

    def _settled(self, delivery: Delivery, answer: Answer) -> Settled:
        now_ms = self._outlet.clock.now_ms()
        if answer.error is None:
            return Settled(delivery, "delivered", answer.status, None, now_ms)
        self._halted = True
        if answer.retry_after_s:
            self._rest(next_breath_ms(now_ms, 1, answer.retry_after_s) - now_ms)
        chance = draw(0, f"delivery:{delivery.delivery_id}", 0, delivery.tries, "retry")
        next_ms = next_try_ms(now_ms, delivery.tries + 1, answer.retry_after_s, chance)
        state = "failed" if next_ms is None else "pending"
        return Settled(delivery, state, answer.status, answer.error, next_ms or now_ms)

    def _expired(self, delivery: Delivery) -> Settled:
        why = "its events are no longer kept"
        return Settled(delivery, "failed", None, why, self._outlet.clock.now_ms())

    async def _judge(self, settled: Sequence[Settled]) -> None:
        """The endpoint, by how one round went: one answer that is right shows that it works."""
        now_ms = self._outlet.clock.now_ms()
        if any(one.status == 410 for one in settled):
            await self._disable("it answered 410: gone")
        elif any(one.error is None for one in settled):
            self._failures, self._failing_since_ms = 0, None
        elif settled:
            self._failures += 1
            self._failing_since_ms = self._failing_since_ms or now_ms
            self._rest(next_breath_ms(now_ms, self._failures, None) - now_ms)
            if now_ms - self._failing_since_ms >= DISABLE_MS:
                await self._disable(f"nothing has arrived for {DISABLE_MS // DAY} days: {settled[-1].error}")

    async def _disable(self, reason: str) -> None:
        self._halted = True
        await ledger.disable_webhook(self._outlet.database, self._taken, reason, self._outlet.clock.now_ms())

    def _rest(self, length_ms: Ms) -> None:
        self._next_at_ms = max(self._next_at_ms, self._outlet.clock.now_ms() + length_ms)
