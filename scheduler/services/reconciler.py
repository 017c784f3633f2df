"""The reconciler: attempts that nobody reported on are looked up, and in the end written off.

Nothing unknown is ever sent again. A call that the provider has is settled like any other news; one that it
proves it never had was not sent, and its loop waits again; of the rest nobody knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from uuid import UUID, uuid5

import structlog

from scheduler.clock import Clock
from scheduler.domain.model import Outcome
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.flow.lookup import CannotSay, Find, Found, FoundCall, Lookup, NoCall
from scheduler.flow.settle import Report, settle
from scheduler.ledger.database import Database, Row
from scheduler.ledger.instants import to_datetime, to_ms

log = structlog.get_logger()

Spools: TypeAlias = Callable[[Ms], Awaitable[Sequence[str]]]
"""Names who held news back at that instant or later."""

MOST = 500
"""Attempts in one step."""


class Reconciler:
    """An attempt armed `unknown_after_s` ago without an answer is unknown: it is looked up, after pauses that
    double from `period_s` on. One that the provider took is looked up when half of `write_off_s` is over: no
    call is as long, and its report may be lost. After `write_off_s` it ends as unknown, counts as a call, and
    the loop goes on.

    Nothing is written off in the first `unknown_after_s` after a start or an outage: news that waited
    meanwhile, at the provider or in a recorder, comes first. Nor while a spool holds some: one that
    says nothing more is waited for `spool_wait_s`.
    """

    name = "reconciler"

    def __init__(
        self,
        flow: Flow,
        ledger: Database,
        clock: Clock,
        *,
        period_s: float,
        send_s: float,
        unknown_after_s: float,
        write_off_s: float,
        provider: str,
        installation_id: UUID,
        find: Find | None = None,
        live: bool = False,
        spools: Spools | None = None,
        spool_wait_s: float = 0.0,
    ) -> None:
        """`send_s`: how long after its arm a request may still arrive. `find`: None where nobody can be
        asked. `live`: whether who is asked reaches real phones: about other calls it knows nothing."""
        self._flow = flow
        self._ledger = ledger
        self._clock = clock
        self.period_s = period_s
        self.wait_for(send_s=send_s, unknown_after_s=unknown_after_s, write_off_s=write_off_s)
        self._provider = provider
        self._installation_id = installation_id
        self._find = find
        self._live = live
        self._spools = spools
        self._spool_wait_ms = int(spool_wait_s * SECOND)
        self._whole_since_ms: Ms | None = None
        self._asked: dict[int, tuple[Ms, Ms]] = {}  # attempt: when it may be asked for again, the pause then

    async def step(self, now_ms: Ms) -> None:
        try:
            await self._step(now_ms)
        except DialwheelError:
            self._whole_since_ms = None
            raise

    def wait_for(self, *, send_s: float, unknown_after_s: float, write_off_s: float) -> None:
        """The deadlines, of the Clock's time."""
        self._send_ms = int(send_s * SECOND)
        self._unknown_after_ms = int(unknown_after_s * SECOND)
        self._write_off_ms = int(write_off_s * SECOND)

    async def next_at(self) -> Ms | None:
        """When the oldest live attempt will be written off."""
        row = await self._ledger.fetch_row("attempt_oldest_live")
        return None if row is None or row["armed_at"] is None else to_ms(row["armed_at"]) + self._write_off_ms

    async def _step(self, now_ms: Ms) -> None:
        rows = await self._ledger.fetch("attempt_overdue", to_datetime(now_ms - self._unknown_after_ms), MOST)
        if self._whole_since_ms is None:
            self._whole_since_ms = now_ms
        heard_all = now_ms - self._whole_since_ms >= self._unknown_after_ms
        if rows and heard_all:
            heard_all = not await self._spooled(now_ms)
        reports = await self._look_up([row for row in rows if self._to_be_asked(row, now_ms)], now_ms)
        known = {report.attempt_id for report in reports}
        for row in rows:
            if row["attempt_id"] in known:
                continue
            if heard_all and to_ms(row["armed_at"]) <= now_ms - self._write_off_ms:
                reports.append(_written_off(row["attempt_id"], now_ms))
            elif row["state"] == "armed":
                reports.append(Report(row["attempt_id"], state="unknown"))
        live = {row["attempt_id"] for row in rows}
        self._asked = {attempt: asked for attempt, asked in self._asked.items() if attempt in live}
        if reports:
            await self._settle_apart(reports, now_ms)

    async def _spooled(self, now_ms: Ms) -> bool:
        """Whether a dialer holds news back. Raises ServerUnavailable when nobody can say."""
        holders = [] if self._spools is None else await self._spools(now_ms - self._spool_wait_ms)
        if holders:
            log.info("write_offs_wait", spools=len(holders))
        return bool(holders)

    def _to_be_asked(self, row: Row, now_ms: Ms) -> bool:
        age_ms = now_ms - to_ms(row["armed_at"])
        if row["state"] not in ("armed", "unknown") and age_ms < self._write_off_ms // 2:
            return False
        again_ms, _ = self._asked.get(row["attempt_id"], (0, 0))
        return now_ms >= again_ms or age_ms >= self._write_off_ms

    async def _look_up(self, rows: Sequence[Row], now_ms: Ms) -> list[Report]:
        """What the provider says of these; a provider that is away says nothing."""
        if self._find is None or not rows:
            return []
        asked = [row["attempt_id"] for row in rows]
        found_rows = await self._ledger.fetch("attempt_lookups", asked, self._live)
        for row in rows:
            _, pause_ms = self._asked.get(row["attempt_id"], (0, int(self.period_s * SECOND) // 2))
            self._asked[row["attempt_id"]] = (now_ms + 2 * pause_ms, 2 * pause_ms)
        if not found_rows:
            return []
        try:
            answers = await self._find([self._lookup(row) for row in found_rows], self._clock.now_ms())
        except DialwheelError as error:
            log.warning("attempts_not_looked_up", attempts=len(found_rows), why=error.what)
            return []
        reports = [
            _report(row, found, now_ms + int(self.period_s * SECOND))
            for row, found in zip(found_rows, answers, strict=True)
            if not isinstance(found, CannotSay)
        ]
        if reports:
            log.info(
                "attempts_looked_up",
                asked=len(found_rows),
                calls=sum(not report.not_sent for report in reports),
                never_sent=sum(report.not_sent for report in reports),
            )
        return reports

    def _lookup(self, row: Row) -> Lookup:
        armed_ms = to_ms(row["armed_at"])
        return Lookup(
            attempt_id=row["attempt_id"],
            key=uuid5(self._installation_id, str(row["attempt_id"])),
            armed_at_ms=armed_ms,
            arrive_by_ms=armed_ms + self._send_ms,
            ref=row["provider_call_id"],
        )

    async def _settle_apart(self, reports: list[Report], now_ms: Ms) -> None:
        """Settle them together; what cannot be digested stands in nobody else's way."""
        try:
            await self._settle(reports, now_ms)
        except DialwheelError:
            raise
        except Exception as error:
            if len(reports) == 1:
                attempt_id = reports[0].attempt_id
                log.error("attempt_not_settled", attempt_id=attempt_id, error=type(error).__name__)
                return
            middle = len(reports) // 2
            await self._settle_apart(reports[:middle], now_ms)
            await self._settle_apart(reports[middle:], now_ms)

    async def _settle(self, reports: list[Report], now_ms: Ms) -> None:
        settled = await settle(self._flow, self._ledger, reports, (), provider=self._provider, now_ms=now_ms)
        if lost := settled.outcomes.count(Outcome.UNKNOWN):
            log.warning("attempts_written_off", attempts=lost)
        near = [p for p in settled.placings if self._flow.within_horizon(p.due_at_ms, now_ms)]
        await self._flow.wheel.settle(
            ends=settled.ends, placings=near, now_ms=now_ms, wall_ms=self._clock.wall_ms()
        )


def _written_off(attempt_id: int, now_ms: Ms) -> Report:
    """Over, as far as anybody will ever know; for the caps it rang until now."""
    return Report(
        attempt_id,
        outcome=Outcome.UNKNOWN,
        ended_at_ms=now_ms,
        rang_until_ms=now_ms,
        error="no report came",
    )


def _report(row: Row, found: Found, retry_at_ms: Ms) -> Report:
    """A finding as news. What was never sent is taken back under the permit that was read before the look-up:
    should another have been given meanwhile, nothing changes. It waits until `retry_at_ms`: by then the wheel
    has heard that its slots are free."""
    if isinstance(found, NoCall):
        return Report(
            row["attempt_id"],
            permit=row["permit"],
            not_sent=True,
            retry_at_ms=retry_at_ms,
            error="the provider never had it",
        )
    assert isinstance(found, FoundCall)
    return Report(
        row["attempt_id"],
        state=found.state,
        provider_call_id=found.ref,
        outcome=found.outcome,
        ended_at_ms=found.ended_at_ms,
        answered_at_ms=found.answered_at_ms,
        rang_until_ms=found.rang_until_ms,
        talk_s=found.talk_s,
        disposition=found.disposition,
        callback_at_ms=found.callback_at_ms,
        error=found.error,
    )
