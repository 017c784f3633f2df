"""One chunk of a file into the ledger: rows, counts, rejected rows in one transaction; then on the wheel."""

from __future__ import annotations

from bisect import bisect_left
from itertools import compress
from operator import attrgetter

import msgspec

from api.imports.framing import Block
from api.imports.reporting import Reporter
from api.imports.rows import BadRow, Reading, bad_row
from api.imports.seen import Seen
from api.imports.workers import ReadBlock
from scheduler.errors import LedgerRefused
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts
from scheduler.flow.enrol import Target, place, prepare, write
from scheduler.flow.enrolment import DUPLICATE, Enrolled
from scheduler.flow.entries import BadField
from scheduler.flow.throttle import Pace
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.imports import Counts, Reject, advance_import
from scheduler.wheel import Placing

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


class ChunkWriter:
    """Writes the chunks of one import."""

    def __init__(
        self, flow: Flow, target: Target, import_id: int, reading: Reading, reporter: Reporter
    ) -> None:
        self._flow = flow
        self._target = target
        self._import_id = import_id
        self._reading = reading
        self._reporter = reporter
        self._seen = Seen()

    def without_repeats(self, block: Block, read: ReadBlock, pace: Pace) -> Chunk:
        """What was read, but for leads that came earlier in the file; called in the order of the file."""
        leads = read.drafts.leads
        fresh = [
            self._seen.add(phone, external_id)
            for phone, external_id in zip(leads.phones, leads.external_ids, strict=True)
        ]
        chunk = Chunk(block, read.lines, read.drafts, read.bad, pace)
        if all(fresh):
            return chunk
        chunk, repeats = chunk.split(fresh)
        chunk.bad = chunk.bad + [self._bad(block, line, DUPLICATE) for line in repeats.lines]
        return chunk

    async def write(self, chunk: Chunk, bytes_so_far: int) -> None:
        """Commit, place, tell. A row that only the ledger refuses is found by halving and rejected, and the
        others go in. Raises ServerUnavailable."""
        prepared = await prepare(self._flow, self._target, chunk.drafts, chunk.pace)

        async def work(on: Connection) -> tuple[Counts, list[BadRow], list[Placing]]:
            results, placings = await write(self._flow, self._target, prepared, on)
            counts = Counts()
            refused = list(chunk.bad)
            for line, result in zip(chunk.lines, results, strict=True):
                if result.code:
                    refused.append(self._bad(chunk.block, line, result))
                else:
                    counts.count(result.action)
            for row in refused:
                counts.count(ACTIONS.get(row.code, "rejected"))
            rejects = [Reject(row.line, row.column, row.code, row.detail, row.cells) for row in refused]
            await advance_import(self._flow.database, self._import_id, counts, rejects, bytes_so_far, on)
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
            half = len(chunk.lines) // 2
            for part in chunk.split([at < half for at in range(len(chunk.lines))]):
                await self.write(part, bytes_so_far)
            return
        await place(self._flow, self._target, prepared, placings)
        await self._reporter.count(counts, sorted(refused, key=attrgetter("line")))

    def _bad(self, block: Block, line: int, result: Enrolled) -> BadRow:
        record = block.records[bisect_left(block.lines, line)]
        field = "" if result.code == "malformed-row" else "phone"
        return bad_row(self._reading, line, record, BadField(result.code, field, result.detail))
