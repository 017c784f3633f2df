"""A file of leads from its first byte to its last: framed here, read and planned in worker processes, written
chunk by chunk, each in one transaction with its counts and its rejected rows.

Several chunks are under way at once: some being read, two being written. What comes twice is told apart in
the order of the file, so that of two rows for one lead the first counts. What is committed stays, whatever
happens to the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
import structlog

from api.imports.framing import Block
from api.imports.opening import Layout, Opening, open_file
from api.imports.reporting import ImportTotals, Report, Reporter
from api.imports.rows import NDJSON_COLUMN, Reading
from api.imports.workers import ImportWorkers, ReadBlock, Recipe, pack
from api.imports.writing import Chunk, ChunkWriter
from api.intake import refuse_full_disk
from scheduler.clock import Clock
from scheduler.domain.model import Priority
from scheduler.errors import DialwheelError, ImportRefused, Refused
from scheduler.flow.batches import follow_throttle
from scheduler.flow.context import Flow
from scheduler.flow.terms import OnDuplicate, Target, Terms, in_batch, terms_of
from scheduler.flow.throttle import NO_THROTTLE, Pace, Throttle, read_throttle
from scheduler.ledger.audit import Actor
from scheduler.ledger.imports import OURSELVES, begin_import
from scheduler.ledger.leads import refresh_statistics
from scheduler.settings import Settings

__all__ = ["ImportRefused", "ImportTotals", "Layout", "Report", "run_import"]

log = structlog.get_logger()

MANY = 20_000
"""Leads of one file that change what the ledger's statements are planned for."""

SLOW_DRIP_S = 1.0
"""Rows of a slow upload wait so long for company."""


class Sink(Protocol):
    """Where the chunks of a file go: the ledger, or a rehearsal. `at_once` of them are written together."""

    at_once: int

    async def terms(self) -> Terms: ...

    async def pace(self) -> Pace: ...

    async def check(self) -> None:
        """Raises Refused when nothing more is taken."""
        ...

    def without_repeats(self, block: Block, read: ReadBlock, pace: Pace) -> Chunk: ...

    async def write(self, chunk: Chunk, bytes_so_far: int) -> None: ...

    async def close(
        self, status: str, bytes_received: int, trouble: str | None, resume_row: int | None
    ) -> str: ...


async def run_import(
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
    workers: ImportWorkers | None = None,
    actor: Actor = OURSELVES,
) -> ImportTotals:
    """Import a file into the batch of that name, made or continued; every line of progress goes to `report`.

    `throttle`: what it states of the batch's pace holds from now on; so does `cadence_id`, which its leads
    follow. `consent`: the basis of all rows that state none. `size_bytes`: of the whole file where it is
    known, for the time of arrival. Without `workers` it starts its own, for this file.

    Raises ImportRefused, NotFound for the agent, Refused (`cadence-not-active`) and Overloaded, before
    anything is written. Later trouble (the sender gone, a server away) ends the import as failed: what was
    committed stays, and `resume_row` is the line from which to send again.
    """
    refuse_full_disk(settings)
    layout = layout or Layout()
    target = Target(account_id, agent_id, 0, on_duplicate, cadence_id)
    await terms_of(flow, target)
    opening = await open_file(chunks, layout, settings)
    begun = await begin_import(
        flow.database,
        account_id=account_id,
        agent_id=agent_id,
        batch=batch,
        priority=priority.value,
        throttle=msgspec.json.encode(throttle).decode(),
        cadence_id=cadence_id,
        columns=column_names(opening),
        now_ms=clock.now_ms(),
        size=size_bytes,
        actor=actor,
    )
    batch_id = begun.batch_id
    target = await in_batch(flow, msgspec.structs.replace(target, batch_id=batch_id))
    reading = reading_of(opening, layout, priority, consent, settings)
    reporter = Reporter(report, clock, begun.import_id, batch_id, size_bytes)
    sink = ChunkWriter(flow, target, begun.import_id, reading, reporter, clock)
    crew = workers or ImportWorkers(settings.import_workers)
    run = Run(flow, sink, reading, opening, clock, settings, reporter, crew, rows_before=begun.rows_before)
    try:
        if throttle != NO_THROTTLE:
            before, after = read_throttle(begun.throttle_before), read_throttle(begun.throttle)
            await follow_throttle(flow, batch_id, agent_id, before, after, clock.now_ms())
        return await run.to_the_end()
    finally:
        if workers is None:
            crew.close()


def column_names(opening: Opening) -> tuple[str, ...]:
    """The header of the file of rejected rows."""
    return (NDJSON_COLUMN,) if opening.columns is None else opening.columns.header


def reading_of(
    opening: Opening, layout: Layout, priority: Priority, consent: str | None, settings: Settings
) -> Reading:
    """How its rows are read. `consent`: the basis of those that state none."""
    return Reading(
        columns=opening.columns,
        delimiter=opening.delimiter,
        mapping=dict(layout.mapping),
        consent=None if consent is None else consent_json(consent),
        region=layout.region,
        country=layout.country,
        priority=priority,
        max_cell=settings.import_max_cell,
        max_record=settings.import_max_line,
    )


def consent_json(basis: str) -> str:
    """The consent of rows that state none themselves."""
    return msgspec.json.encode({"basis": basis, "source": "import"}).decode()


class Run:
    """One file under way. `goes_on`: where this run is cut off another one goes on, so that it closes nothing
    but what is over."""

    def __init__(
        self,
        flow: Flow,
        sink: Sink,
        reading: Reading,
        opening: Opening,
        clock: Clock,
        settings: Settings,
        reporter: Reporter,
        workers: ImportWorkers,
        *,
        rows_before: int,
        goes_on: bool = False,
    ) -> None:
        self._flow = flow
        self._sink = sink
        self._rows_before = rows_before
        self._goes_on = goes_on
        self._reading = reading
        self._source = opening.source
        self._framer = opening.framer
        self._bytes = opening.size
        self._clock = clock
        self._settings = settings
        self._rows = settings.import_batch_rows
        self._reporter = reporter
        self._workers = workers
        self._planned_by: tuple[Terms, Pace] | None = None
        self._recipe = b""
        self._reading_now: deque[tuple[Block, Pace, asyncio.Future[ReadBlock]]] = deque()
        self._writing_now: deque[tuple[Block, asyncio.Task[None]]] = deque()

    async def to_the_end(self) -> ImportTotals:
        """Import all rows that come; answers the totals, which the last line of the report has as well.

        Raises ServerUnavailable, and whatever else cuts it off, only where it `goes_on`.
        """
        trouble: str | None = "the import was stopped"
        over = not self._goes_on
        try:
            await self._reporter.start(self._reading)
            trouble = await self._receive()
            over = True
        except Refused as error:
            trouble, over = error.what, True
        except DialwheelError as error:
            if self._goes_on:
                raise
            trouble = error.what
        finally:
            await self._stop()
            if over:
                resume_row = None if trouble is None else self._first_unwritten()
                wanted = "done" if trouble is None else "failed"
                status = await self._sink.close(wanted, self._bytes, trouble, resume_row)
        if status == "canceled":
            trouble = "the import was canceled"
        elif trouble:
            log.warning(
                "import_broken_off", import_id=self._reporter.import_id, why=trouble, resume_row=resume_row
            )
        totals = await self._reporter.done(status, self._bytes, resume_row, trouble)
        if totals.created >= MANY:
            with contextlib.suppress(DialwheelError):
                await refresh_statistics(self._flow.database)
        return totals

    async def _receive(self) -> str | None:
        """Read to the end of the file; answers what broke it off, if something did. Rows that came whole are
        imported all the same."""
        framer = self._framer
        caught_up_s = self._clock.monotonic_s()
        while True:
            while len(framer.records) >= self._rows:
                await self._submit()
                caught_up_s = self._clock.monotonic_s()
            if self._clock.monotonic_s() - caught_up_s > SLOW_DRIP_S:
                await self._catch_up()
                caught_up_s = self._clock.monotonic_s()
            chunk, trouble = await self._next_chunk()
            if chunk is None:
                break
            self._bytes += len(chunk)
            framer.feed(chunk)
        if trouble is None:
            framer.finish()
        await self._catch_up()
        return trouble

    async def _next_chunk(self) -> tuple[bytes | None, str | None]:
        """The next bytes, None at the end, and what went wrong. A sender that pauses holds nothing up, and is
        gone when it pauses for long."""
        coming = asyncio.ensure_future(anext(self._source, None))
        since_s = self._clock.monotonic_s()
        try:
            while not (await asyncio.wait({coming}, timeout=SLOW_DRIP_S))[0]:
                await self._catch_up()
                await self._sink.check()
                if self._clock.monotonic_s() - since_s > self._settings.import_silence_s:
                    return None, f"the sender sent nothing for {self._settings.import_silence_s:g} s"
            return coming.result(), None
        except ImportRefused as error:
            return None, f"{error.what}: {error.why}"
        except DialwheelError:
            raise
        except Exception as error:
            # whatever the server in front raises when its client is gone
            return None, f"the sender broke off ({type(error).__name__})"
        finally:
            coming.cancel()

    async def _catch_up(self) -> None:
        """Write all that has come."""
        while self._framer.records:
            await self._submit()
        while self._reading_now:
            await self._pass_on_oldest()
        while self._writing_now:
            await self._see_oldest_written()

    async def _submit(self) -> None:
        """Hand the next block to the workers, under the policy and the pace of now; first make room."""
        refuse_full_disk(self._settings)
        while len(self._reading_now) >= self._workers.ahead:
            await self._pass_on_oldest()
        terms, pace = await self._sink.terms(), await self._sink.pace()
        if (terms, pace) != self._planned_by:
            self._planned_by = (terms, pace)
            recipe = Recipe(self._reading, terms.policy, self._flow.phone_key, pace.spread, self._rows_before)
            self._recipe = pack(recipe)
        block = self._framer.take(self._rows)
        reading = self._workers.read(self._recipe, block, self._clock.now_ms())
        self._reading_now.append((block, pace, reading))

    async def _pass_on_oldest(self) -> None:
        """Have the oldest block in reading written, without what the file had already."""
        block, pace, reading = self._reading_now[0]
        read = await reading
        while len(self._writing_now) >= self._sink.at_once:
            await self._see_oldest_written()
        chunk = self._sink.without_repeats(block, read, pace)
        self._reading_now.popleft()
        self._writing_now.append((block, asyncio.create_task(self._write(chunk))))

    async def _write(self, chunk: Chunk) -> None:
        await self._sink.write(chunk, self._bytes)

    async def _see_oldest_written(self) -> None:
        await self._writing_now[0][1]
        self._writing_now.popleft()
        await self._reporter.progress(self._bytes)

    def _first_unwritten(self) -> int:
        for block in (
            *(block for block, _ in self._writing_now),
            *(block for block, *_ in self._reading_now),
        ):
            return block.lines[0]
        return self._framer.lines[0] if self._framer.lines else self._framer.next_line

    async def _stop(self) -> None:
        """Begin nothing more; what is being written is waited for."""
        for *_, reading in self._reading_now:
            reading.cancel()
        await asyncio.gather(*(reading for *_, reading in self._reading_now), return_exceptions=True)
        written = await asyncio.gather(*(task for _, task in self._writing_now), return_exceptions=True)
        while written and written.pop(0) is None:
            self._writing_now.popleft()
