"""Reading and planning in processes of their own, so that the API's event loop stays free for live leads."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing.connection import wait

import msgspec

from api.imports.framing import Block
from api.imports.rows import BadRow, Reading, read_block
from scheduler.domain.model import Policy
from scheduler.domain.spread import Spread
from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.drafts import Drafts, draft_entries

NICENESS = 5
"""A file may wait for the processor, a live lead may not."""


class Recipe(msgspec.Struct, frozen=True):
    """All that a worker needs to know of one file. `policy` None: its leads are only kept. `spread`: when the
    first touches of its batch are, which had `rows_before` rows from other files (None: its rows have no
    numbers in it)."""

    reading: Reading
    policy: Policy | None
    phone_key: bytes
    spread: Spread | None
    rows_before: int | None


class ReadBlock(msgspec.Struct):
    """A block's good rows, drafted, with their lines, and its bad ones."""

    lines: list[int]
    drafts: Drafts
    bad: list[BadRow]


class ImportWorkers:
    """`count` processes, started with the first block; 0 works in the caller's own thread of execution."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    @property
    def ahead(self) -> int:
        """How many blocks keep the processes busy while others are written."""
        return self._count + 2 if self._count else 1

    def read(self, packed: bytes, block: Block, now_ms: Ms) -> asyncio.Future[ReadBlock]:
        """Read one block by the recipe packed by `pack`. Raises ServerUnavailable if its process died."""
        if not self._count:
            return asyncio.ensure_future(_read_here(packed, block, now_ms))
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=multiprocessing.get_context("spawn"), initializer=_settle_in
            )
        return asyncio.ensure_future(self._read_there(self._pool, packed, block, now_ms))

    async def _read_there(
        self, pool: ProcessPoolExecutor, packed: bytes, block: Block, now_ms: Ms
    ) -> ReadBlock:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(pool, read_and_draft, packed, block, now_ms)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self.close()  # the next file starts new ones
            raise ServerUnavailable(
                "an import worker ended",
                "its process was killed or ran out of memory",
                "send the file again",
            ) from error

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def pack(recipe: Recipe) -> bytes:
    return pickle.dumps(recipe, pickle.HIGHEST_PROTOCOL)


def read_and_draft(packed: bytes, block: Block, now_ms: Ms) -> ReadBlock:
    """What a worker does with one block."""
    recipe = _recipe(packed)
    rows = read_block(recipe.reading, block.records, block.lines)
    before = recipe.rows_before
    ordinals = None if before is None else [before + line for line in rows.lines]
    drafts = draft_entries(rows.entries, recipe.policy, recipe.phone_key, now_ms, recipe.spread, ordinals)
    return ReadBlock(rows.lines, drafts, rows.bad)


async def _read_here(packed: bytes, block: Block, now_ms: Ms) -> ReadBlock:
    return read_and_draft(packed, block, now_ms)


@lru_cache(maxsize=8)
def _recipe(packed: bytes) -> Recipe:
    """Kept, so that blocks of one file share the policy whose calendars the planner keeps."""
    recipe = pickle.loads(packed)
    assert isinstance(recipe, Recipe)
    return recipe


def _settle_in() -> None:
    """In the new process: leave Ctrl-C to the parent, be nice, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
