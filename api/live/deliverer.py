"""The deliverer: sends events to the webhooks of all accounts. Every API process runs one; leases share the
work out."""

from __future__ import annotations

import asyncio

import structlog

from api.live.delivery_visit import LEASE_MS, Outlet, Visit
from scheduler.domain.time import DAY, Ms
from scheduler.errors import DialwheelError
from scheduler.ledger import deliveries
from scheduler.ledger.deliveries import Taken

log = structlog.get_logger()

VISITS_AT_ONCE = 32
"""Webhooks served side by side in a process: slow ones hold up nobody until all of these are slow."""

CLOSE_S = 8.0
"""What is under way when the process stops may take so long; then it is cut, and sent again."""

PURGE_EVERY_S = 3600.0
PURGED_AT_ONCE = 5000


class Deliverer:
    """`period_s`: how often it looks for webhooks that have something to send. `kept_days`: how long
    deliveries that are over can be read. Close it when done."""

    name = "deliverer"

    def __init__(self, outlet: Outlet, *, period_s: float, kept_days: float) -> None:
        self.period_s = period_s
        self._outlet = outlet
        self._kept_ms = int(kept_days * DAY)
        self._visits: set[asyncio.Task[None]] = set()
        self._closing = False
        self._purge_at_s = outlet.clock.monotonic_s()

    async def step(self, now_ms: Ms) -> None:
        """Begin visits, and wait for none of them. Raises ServerUnavailable."""
        outlet = self._outlet
        free = VISITS_AT_ONCE - len(self._visits)
        if free and not self._closing:
            found = await deliveries.take_webhooks(
                outlet.database, now_ms=now_ms, wall_ms=outlet.clock.wall_ms(), lease_ms=LEASE_MS, most=free
            )
            for taken in found:
                visit = asyncio.create_task(self._visit(taken))
                self._visits.add(visit)
                visit.add_done_callback(self._visits.discard)
        if outlet.clock.monotonic_s() >= self._purge_at_s:
            self._purge_at_s = outlet.clock.monotonic_s() + PURGE_EVERY_S
            while await deliveries.purge_deliveries(
                outlet.database, now_ms - self._kept_ms, most=PURGED_AT_ONCE
            ):
                pass

    async def idle(self) -> None:
        """Until the visits that were begun are over."""
        if self._visits:
            await asyncio.wait(self._visits)

    async def close(self) -> None:
        """Begin nothing more, give what is under way some seconds, then cut it."""
        self._closing = True
        if self._visits:
            _, late = await asyncio.wait(self._visits, timeout=CLOSE_S)
            for visit in late:
                visit.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._outlet.sender.close()

    async def _visit(self, taken: Taken) -> None:
        try:
            await Visit(self._outlet, taken, lambda: not self._closing).make()
        except DialwheelError as error:
            log.warning("webhook_not_served", webhook=taken.webhook_id, why=error.what)
        except Exception as error:  # the others are served all the same; its text may tell too much
            log.error("webhook_not_served", webhook=taken.webhook_id, error=type(error).__name__)
