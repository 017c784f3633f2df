"""Reports on calls that the ledger does not know yet: kept in it for a day, taken over when it does.

So it is with a ledger that was put back to an earlier state, until its journals have told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from dialer.providers.webhook_wire import Report
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.flow.quarantine import Standing
from scheduler.ledger import reports
from scheduler.ledger.database import Database

log = structlog.get_logger()

EARLY_S = 30.0
"""How often is looked for calls that are known by now; and how many are taken over at once."""

MOST_EARLY = 500


class EarlyReports:
    """Of one provider's inbox, which takes them in by `take`."""

    def __init__(
        self,
        ledger: Database,
        clock: Clock,
        standing: Standing,
        take: Callable[[int, Report], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._standing = standing
        self._take = take

    async def keep(self, attempt_id: int, report: Report) -> None:
        said = msgspec.json.encode(report).decode()
        kept = reports.Early(attempt_id, report.event_id, said)
        await reports.keep_early(self._ledger, kept, self._clock.now_ms())

    async def take_over(self) -> int:
        """Those whose calls are known by now; answers how many. Raises ServerUnavailable."""
        if self._standing.quarantined:
            return 0
        done = []
        for each in await reports.early_due(self._ledger, MOST_EARLY):
            try:
                await self._take(each.attempt_id, msgspec.json.decode(each.report, type=Report))
                done.append(each)
            except Exception as error:  # the others need not wait for it
                why = error.what if isinstance(error, DialwheelError) else type(error).__name__
                log.warning("early_report_not_taken", attempt_id=each.attempt_id, why=why)
        lost = await reports.forget_early(self._ledger, done, self._clock.now_ms())
        if lost:
            log.error("reports_of_unknown_calls_given_up", reports=lost)
        return len(done)

    async def run(self) -> None:
        """Until it is canceled."""
        while True:
            await asyncio.sleep(EARLY_S)
            try:
                await self.take_over()
            except DialwheelError as error:
                log.warning("early_reports_not_taken", why=error.what)
