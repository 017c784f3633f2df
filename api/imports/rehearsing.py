"""A file read to its end with nothing written: what would come in, what would not and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from api.imports.opening import Layout, open_file
from api.imports.pipeline import Run, reading_of
from api.imports.reporting import ImportTotals, Report, Reporter
from api.imports.rows import Reading
from api.imports.workers import ImportWorkers
from api.imports.writing import Chunk, Sorter
from scheduler.clock import Clock
from scheduler.domain.model import Place, Priority
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.enrol_rehearse import rehearse
from scheduler.flow.enrolment import Enrolled
from scheduler.flow.terms import OnDuplicate, Target, Terms, in_batch, terms_of
from scheduler.flow.throttle import NO_THROTTLE, Pace, Throttle, pace_under, read_throttle
from scheduler.ledger.imports import Expected, check_batch, expected_batch
from scheduler.settings import Settings


class Consequences(msgspec.Struct):
    """What a file would bring: `loops_started`, and when their first touches would be; `zones`: of how many
    of its good rows the clock is this; `several` and `unknown` where nothing else tells."""

    loops_started: int = 0
    first_touch_ms: Ms | None = None
    last_touch_ms: Ms | None = None
    zones: dict[str, int] = {}


async def rehearse_import(
    flow: Flow,
    *,
    account_id: int,
    agent_id: int,
    batch: str,
    chunks: AsyncIterator[bytes],
    clock: Clock,
    settings: Settings,
    report: Report,
    priority: Priority = Priority.BULK,
    consent: str | None = None,
    throttle: Throttle = NO_THROTTLE,
    on_duplicate: OnDuplicate = "update",
    cadence_id: int | None = None,
    layout: Layout | None = None,
    size_bytes: int | None = None,
    workers: ImportWorkers,
    foreseen: Consequences,
) -> ImportTotals:
    """As `run_import` would go now, and refusing what that would; `foreseen` gets what would follow. Nobody
    knows what other files bring meanwhile."""
    layout = layout or Layout()
    found = await expected_batch(flow.database, account_id, batch)
    if found is not None:
        check_batch(found.agent_id, found.status, agent_id)
    target = Target(account_id, agent_id, 0 if found is None else found.batch_id, on_duplicate, cadence_id)
    target = await in_batch(flow, target)
    terms = await terms_of(flow, target, use=False)
    opening = await open_file(chunks, layout, settings)
    reading = reading_of(opening, layout, priority, consent, settings)
    reporter = Reporter(report, clock, None, None if found is None else found.batch_id, size_bytes)
    pace = pace_under(_throttle(found, throttle), target.batch_id, flow.spread_ms)
    sink = Rehearsal(flow, target, terms, pace, reading, reporter, foreseen)
    before = 0 if found is None else found.rows_before
    run = Run(flow, sink, reading, opening, clock, settings, reporter, workers, rows_before=before)
    return await run.to_the_end()


class Rehearsal(Sorter):
    """Where chunks go of which nothing is written."""

    at_once = 1

    def __init__(
        self,
        flow: Flow,
        target: Target,
        terms: Terms,
        pace: Pace,
        reading: Reading,
        reporter: Reporter,
        foreseen: Consequences,
    ) -> None:
        super().__init__(reading)
        self._flow = flow
        self._target = target
        self._terms = terms
        self._pace = pace
        self._reporter = reporter
        self._foreseen = foreseen

    async def terms(self) -> Terms:
        return self._terms

    async def pace(self) -> Pace:
        return self._pace

    async def check(self) -> None:
        """Nobody ends a rehearsal but its sender."""

    async def write(self, chunk: Chunk, bytes_so_far: int) -> None:
        results = await rehearse(self._flow, self._target, chunk.drafts)
        counts, refused = self.tally(chunk, results)
        self._foresee(chunk, results)
        await self._reporter.count(counts, refused)

    async def close(
        self, status: str, bytes_received: int, trouble: str | None, resume_row: int | None
    ) -> str:
        return status

    def _foresee(self, chunk: Chunk, results: Sequence[Enrolled]) -> None:
        """What follows from the rows that would come in."""
        found, drafts = self._foreseen, chunk.drafts
        starts = [at for one in results if one.lead_id is None and (at := one.next_at_ms) is not None]
        found.loops_started += len(starts)
        if starts:
            known = [at for at in (found.first_touch_ms, found.last_touch_ms) if at is not None]
            found.first_touch_ms, found.last_touch_ms = min(known + starts), max(known + starts)
        for one, place in zip(results, drafts.leads.places, strict=True):
            if not one.code:
                zone = _zone(drafts.places[place])
                found.zones[zone] = found.zones.get(zone, 0) + 1


def _zone(place: Place) -> str:
    """Whose clock counts for a lead."""
    zones = place.own_zones
    return zones[0] if len(zones) == 1 else "several" if zones else "unknown"


def _throttle(batch: Expected | None, stated: Throttle) -> Throttle:
    """The batch's pace with what is stated of it anew."""
    if batch is None:
        return stated
    return msgspec.structs.replace(
        read_throttle(batch.throttle), **msgspec.to_builtins(stated, builtin_types=(datetime,))
    )
