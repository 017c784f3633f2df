"""One chunk of a file into the ledger: rows, counts, rejected rows in one transaction; then on the wheel."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from itertools import compress
from operator import attrgetter
from typing import TypeAlias

import msgspec
import structlog

from api.imports.framing import Block
from api.imports.reporting import Reporter
from api.imports.rows import BadRow, Reading, bad_row
from api.imports.seen import Seen
from api.imports.workers import ReadBlock
from scheduler.clock import Clock
from scheduler.errors import DialwheelError, LedgerRefused
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts
from scheduler.flow.enrol import Target, place, prepare, write
from scheduler.flow.enrolment import DUPLICATE, Enrolled
from scheduler.flow.entries import BadField
from scheduler.flow.terms import Terms, terms_of
from scheduler.flow.throttle import Pace, pace_of
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.imports import Counts, Reject, advance_import, end_import, import_status, over
from scheduler.wheel import Placing

log = structlog.get_logger()

CLOSE_AGAIN_S = 5.0
CLOSE_TRIES = 720
"""An import that the ledger's outage broke off is closed in it so often again: for an hour."""

_closing: set[asyncio.Task[None]] = set()

Keep: TypeAlias = Callable[[int, Connection | None], Awaitable[None]]
"""Keeps, in the transaction of a chunk, the last line that is in; with None for it: work goes on there."""

ACTIONS = {"duplicate-in-file": "duplicate", "suppressed": "suppressed"}
"""What rows with these codes count as; any other one is rejected."""

LEDGER_REFUSED = Enrolled("rejected", code="malformed-row", detail="the ledger does not take a value of it")


class Chunk(msgspec.Struct):
    """Rows to write, each with its line, and rows that cannot come in. `block` has both as they came; `pace`
    is the batch's that they were drafted under."""

    block: Block
    lines: list[int]
    drafts: Drafts
    bad: list[BadRow]
    pace: Pace

    def split(self, first: list[bool]) -> tuple[Chunk, Chunk]:
        """Those rows whose turn in `first` is true, with all the bad ones, and the others."""
        second = [not in_first for in_first in first]
        return (
            Chunk(
                self.block, list(compress(self.lines, first)), self.drafts.only(first), self.bad, self.pace
            ),
            Chunk(self.block, list(compress(self.lines, second)), self.drafts.only(second), [], self.pace),
        )

    def halves(self) -> tuple[Chunk, Chunk]:
        """Its two halves, in the order of the file."""
        half = len(self.lines) // 2
        first, second = self.split([at < half for at in range(len(self.lines))])
        first.bad = [row for row in self.bad if row.line < self.lines[half]]
        second.bad = [row for row in self.bad if row.line > self.lines[half]]
        return first, second

    def after(self, line: int) -> Chunk:
        """What of it comes after that line of the file."""
        rest, _ = self.split([number > line for number in self.lines])
        rest.bad = [row for row in self.bad if row.line > line]
        return rest


class Sorter:
    """Tells rows apart: those that mean a lead of an earlier row, those that came in, those that did not."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._seen = Seen()

    def without_repeats(self, block: Block, read: ReadBlock, pace: Pace) -> Chunk:
        """What was read, but for leads that came earlier in the file; called in the order of the file."""
        leads = read.drafts.leads
        fresh = [
            self._seen.add(phone, external_id)
            for phone, external_id in zip(leads.phones, leads.external_ids, strict=True)
        ]
        chunk = Chunk(block, read.lines, read.drafts, read.bad, pace)
        if not all(fresh):
            chunk, repeats = chunk.split(fresh)
            chunk.bad = chunk.bad + [self._bad(block, line, DUPLICATE) for line in repeats.lines]
        return chunk

    def tally(self, chunk: Chunk, results: Sequence[Enrolled]) -> tuple[Counts, list[BadRow]]:
        """What became of a chunk's rows, given the results of those that could come in."""
        counts = Counts()
        refused = list(chunk.bad)
        for line, result in zip(chunk.lines, results, strict=True):
            if result.code:
                refused.append(self._bad(chunk.block, line, result))
            else:
                counts.count(result.action)
        for row in refused:
            counts.count(ACTIONS.get(row.code, "rejected"))
        return counts, sorted(refused, key=attrgetter("line"))

    def _bad(self, block: Block, line: int, result: Enrolled) -> BadRow:
        record = block.records[bisect_left(block.lines, line)]
        field = "" if result.code == "malformed-row" else "phone"
        return bad_row(self._reading, line, record, BadField(result.code, field, result.detail))


class ChunkWriter(Sorter):
    """Writes the chunks of one import.

    With `keep` it may be cut off anywhere and gone on with later, when `after_line` is the last line that was
    kept: chunks are written in order, and what is in is left out.
    """

    def __init__(
        self,
        flow: Flow,
        target: Target,
        import_id: int,
        reading: Reading,
        reporter: Reporter,
        clock: Clock,
        *,
        after_line: int = 0,
        keep: Keep | None = None,
    ) -> None:
        super().__init__(reading)
        self._flow = flow
        self._target = target
        self._import_id = import_id
        self._reporter = reporter
        self._clock = clock
        self._after_line = after_line
        self._keep = keep
        self.at_once = 2 if keep is None else 1

    async def terms(self) -> Terms:
        return await terms_of(self._flow, self._target)

    async def pace(self) -> Pace:
        return await pace_of(self._flow, self._target.batch_id)

    async def check(self) -> None:
        """Raises Refused when the import is over."""
        if await import_status(self._flow.database, self._import_id) not in ("receiving", "processing"):
            raise over()

    def without_repeats(self, block: Block, read: ReadBlock, pace: Pace) -> Chunk:
        chunk = super().without_repeats(block, read, pace)
        return chunk.after(self._after_line) if self._after_line else chunk

    async def write(self, chunk: Chunk, bytes_so_far: int) -> None:
        """Commit, place, tell. A row that only the ledger refuses is found by halving and rejected, and the
        others go in. Raises ServerUnavailable, Refused when the import is over."""
        if not chunk.lines and not chunk.bad:
            if self._keep is not None:
                await self._keep(self._after_line, None)
            return
        prepared = await prepare(self._flow, self._target, chunk.drafts, chunk.pace)

        async def work(on: Connection) -> tuple[Counts, list[BadRow], list[Placing]]:
            results, placings = await write(self._flow, self._target, prepared, on)
            counts, refused = self.tally(chunk, results)
            rejects = [Reject(row.line, row.column, row.code, row.detail, row.cells) for row in refused]
            await advance_import(self._flow.database, self._import_id, counts, rejects, bytes_so_far, on)
            if self._keep is not None:
                await self._keep(max([*chunk.lines[-1:], *(row.line for row in chunk.bad)]), on)
            return counts, refused, placings

        try:
            counts, refused, placings = await in_transaction(self._flow.database, work)
        except LedgerRefused:
            if not chunk.lines:
                raise
            if len(chunk.lines) == 1:
                fault = self._bad(chunk.block, chunk.lines[0], LEDGER_REFUSED)
                chunk = Chunk(chunk.block, [], chunk.drafts.only([False]), [*chunk.bad, fault], chunk.pace)
                await self.write(chunk, bytes_so_far)
                return
            for part in chunk.halves():
                await self.write(part, bytes_so_far)
            return
        await place(self._flow, self._target, prepared, placings)
        await self._reporter.count(counts, refused)

    async def close(
        self, status: str, bytes_received: int, trouble: str | None, resume_row: int | None
    ) -> str:
        """Tell the ledger that the file is over, later if it is away; answers how it ended, which is as
        `status` says unless it was over before."""

        async def end() -> str | None:
            try:
                was = await end_import(
                    self._flow.database,
                    self._import_id,
                    status,
                    bytes_received=bytes_received,
                    now_ms=self._clock.now_ms(),
                    trouble=trouble,
                    resume_row=resume_row,
                )
                return status if was else await import_status(self._flow.database, self._import_id)
            except DialwheelError as error:
                if self._keep is not None:
                    raise  # another run closes it
                log.warning("import_not_closed", import_id=self._import_id, why=error.what)
                return None

        async def end_later() -> None:
            for _ in range(CLOSE_TRIES):
                await asyncio.sleep(CLOSE_AGAIN_S)
                if await end():
                    return

        ended = await end()
        if ended is None:
            closing = asyncio.create_task(end_later())
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)
        return ended or status
