"""Many leads in one request, line by line: read beside, written by the thousand, answered in order.

Each line is a body of POST /v1/leads and is answered as that would have been; bad ones never stop good ones.
Several blocks are under way at once: some being read, two being written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import msgspec

from api.imports.framing import Block, Framer
from api.imports.rows import Reading
from api.imports.workers import ImportWorkers, ReadBlock, Recipe, pack
from api.lead_bulk_rows import LEDGER_REFUSED, BulkRow, Earlier, Where, answer, by_target, rejected, said_of
from api.lead_targets import not_an_agent, problem_of_row
from api.problems import Problem
from scheduler.clock import Clock
from scheduler.errors import DialwheelError, LedgerRefused, NotFound
from scheduler.flow.context import Flow
from scheduler.flow.drafts import Drafts
from scheduler.flow.enrol import place, prepare, write
from scheduler.flow.enrolment import DUPLICATE
from scheduler.flow.terms import Target, in_batch, terms_of
from scheduler.flow.throttle import Pace, pace_of
from scheduler.ledger.contention import in_transaction
from scheduler.public_ids import PublicIds
from scheduler.settings import Settings

MOST_ROWS = 10_000
"""Lines of one request; more are for imports, which can be resumed."""

ROWS = 1000
"""Lines written in one transaction."""

PAUSE_S = 0.02
"""A sender that pauses for so long gets answers to all that it has sent."""

WRITERS = 2

Resolve: TypeAlias = Callable[[Where], Awaitable[Target]]
"""Where leads go that name these; raises Problem."""

Tell: TypeAlias = Callable[[bytes], Awaitable[None]]

_encode = msgspec.json.Encoder().encode


class _Part(msgspec.Struct):
    """Lines of a block that go to one target, drafted."""

    target: Target
    pace: Pace | None
    lines: list[int]
    drafts: Drafts


class Bulk:
    """One such request under way. `tell` takes the answers, some lines at a time."""

    def __init__(
        self,
        flow: Flow,
        clock: Clock,
        settings: Settings,
        workers: ImportWorkers,
        ids: PublicIds,
        resolve: Resolve,
        tell: Tell,
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._workers = workers
        self._ids = ids
        self._resolve = resolve
        self._tell = tell
        self._reading = Reading(None, None, max_record=settings.import_max_line, bodies=True)
        self._framer = Framer(max_record=settings.import_max_line)
        self._earlier = Earlier()
        self._writing = asyncio.Semaphore(WRITERS)
        self._under_way: deque[asyncio.Task[list[BulkRow]]] = deque()
        self._passed: asyncio.Event | None = None
        self.rows = 0

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        """Take in all lines that come; answers them all before it returns, but for those above MOST_ROWS."""
        try:
            await self._receive(chunks)
            while self._under_way:
                await self._answer_oldest()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _receive(self, chunks: AsyncIterator[bytes]) -> None:
        while True:
            coming = asyncio.ensure_future(anext(chunks, None))
            try:
                while not (await asyncio.wait({coming}, timeout=PAUSE_S))[0]:
                    await self._catch_up()
                chunk = coming.result()
            finally:
                coming.cancel()
            if chunk is None:
                break
            self._framer.feed(chunk)
            while len(self._framer.records) >= ROWS:
                if not await self._submit():
                    return
        self._framer.finish()
        while self._framer.records:
            if not await self._submit():
                return

    async def _catch_up(self) -> None:
        """Answer all that has come."""
        while self._framer.records:
            if not await self._submit():
                return
        while self._under_way:
            await self._answer_oldest()

    async def _submit(self) -> bool:
        """Begin with the next block; False when there were more lines than one request may have."""
        block = self._framer.take(min(ROWS, MOST_ROWS - self.rows))
        if not block.records:
            await self._refuse_rest()
            return False
        self.rows += len(block.records)
        while len(self._under_way) >= self._workers.ahead + WRITERS:
            await self._answer_oldest()
        before, self._passed = self._passed, asyncio.Event()
        self._under_way.append(asyncio.create_task(self._do(block, before, self._passed)))
        return True

    async def _refuse_rest(self) -> None:
        while self._under_way:
            await self._answer_oldest()
        problem = Problem(
            "body-too-large", f"a request has {MOST_ROWS} lines at most: send the rest in another"
        )
        await self._tell(_encode(rejected(self._framer.lines[0], problem)) + b"\n")

    async def _answer_oldest(self) -> None:
        rows = await self._under_way[0]
        self._under_way.popleft()
        self._earlier.name(rows)
        await self._tell(b"".join([_encode(row) + b"\n" for row in rows]))

    async def _do(self, block: Block, before: asyncio.Event | None, passed: asyncio.Event) -> list[BulkRow]:
        """The answers to one block, in order."""
        answers: dict[int, BulkRow] = {}
        parts: list[_Part] = []
        try:
            found = await asyncio.gather(
                *(self._draft(where, some) for where, some in by_target(block).items())
            )
            for part, rejected in found:
                answers |= {row.row: row for row in rejected}
                if part is not None:
                    parts.append(part)
            if before is not None:
                await before.wait()
            repeats = self._drop_repeats(parts)
            answers |= {line: answer(self._ids, line, DUPLICATE) for line in repeats}
        finally:
            passed.set()
        async with self._writing:
            for part in parts:
                answers |= await self._write(part)
        return [answers[line] for line in block.lines]

    async def _draft(self, where: Where, block: Block) -> tuple[_Part | None, list[BulkRow]]:
        """Lines that name one target, read and planned; answers for those that cannot come in."""
        flow = self._flow
        try:
            target = await in_batch(flow, await self._resolve(where))
            terms = await terms_of(flow, target)
            pace = await pace_of(flow, target.batch_id) if target.batch_id else None
        except NotFound:
            return None, [rejected(line, not_an_agent()) for line in block.lines]
        except (Problem, DialwheelError) as error:
            return None, [rejected(line, said_of(error)) for line in block.lines]
        spread = None if pace is None else pace.spread
        recipe = pack(Recipe(self._reading, terms.policy, flow.phone_key, spread, None))
        try:
            read: ReadBlock = await self._workers.read(recipe, block, self._clock.now_ms())
        except DialwheelError as error:
            return None, [rejected(line, said_of(error)) for line in block.lines]
        bad = [rejected(row.line, problem_of_row(row.code, row.detail, row.column)) for row in read.bad]
        return _Part(target, pace, read.lines, read.drafts), bad

    def _drop_repeats(self, parts: list[_Part]) -> list[int]:
        """Take out what came in an earlier line; answers which lines those are."""
        rows = sorted(
            (line, part.drafts.leads.phones[at], part.drafts.leads.external_ids[at])
            for part in parts
            for at, line in enumerate(part.lines)
        )
        repeats = [line for line, phone, external_id in rows if self._earlier.has(line, phone, external_id)]
        if repeats:
            gone = set(repeats)
            for part in parts:
                fresh = [line not in gone for line in part.lines]
                part.drafts = part.drafts.only(fresh)
                part.lines = [line for line in part.lines if line not in gone]
        return repeats

    async def _write(self, part: _Part) -> dict[int, BulkRow]:
        """Commit and place. A line that only the ledger refuses is found by halving."""
        if not part.lines:
            return {}
        flow = self._flow
        try:
            prepared = await prepare(flow, part.target, part.drafts, part.pace)
            results, placings = await in_transaction(
                flow.database, lambda on: write(flow, part.target, prepared, on)
            )
        except LedgerRefused:
            if len(part.lines) == 1:
                return {part.lines[0]: answer(self._ids, part.lines[0], LEDGER_REFUSED)}
            half = [at < len(part.lines) // 2 for at in range(len(part.lines))]
            return await self._write(_some(part, half)) | await self._write(
                _some(part, [not at for at in half])
            )
        except DialwheelError as error:
            return {line: rejected(line, said_of(error)) for line in part.lines}
        await place(flow, part.target, prepared, placings)
        return {
            line: answer(self._ids, line, result) for line, result in zip(part.lines, results, strict=True)
        }


def _some(part: _Part, keep: list[bool]) -> _Part:
    lines = [line for line, kept in zip(part.lines, keep, strict=True) if kept]
    return _Part(part.target, part.pace, lines, part.drafts.only(keep))
