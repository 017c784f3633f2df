"""The job behind a change of settings: every loop that it makes outdated is planned anew, a piece at a time.

While pieces are written the next one is planned and the one after that is read, so that ledger and planner
work side by side.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeAlias

from scheduler.domain.time import SECOND, Ms
from scheduler.flow.context import Flow
from scheduler.flow.hours import shape_hours
from scheduler.flow.outlook import Outlooks, outlooks_of
from scheduler.flow.recalculate import Piece, read_piece, write_piece
from scheduler.services.jobs import Work

PASSES = 3
"""Leads that were held the first time are looked at again; who changes one plans it by himself."""

WRITES = 2
"""Pieces written side by side: while Postgres is at one, the other is put into words."""

SAY_MS: Ms = SECOND
"""How often the job says how far it is: each time is a commit. What was done since is looked over again
after a crash, and is up to date."""

Read: TypeAlias = Callable[[int], Awaitable[Piece]]
"""The next piece after what the one before reached, 0 at first."""


async def recalculate(flow: Flow, work: Work) -> None:
    """`work.args`: `agent_ids`. Pieces are told apart by their leads."""
    agent_ids = work.args["agent_ids"]
    await shape_hours(flow, agent_ids, work.clock.now_ms())
    row = await flow.database.fetch_row("recalculate_left", work.account_id, agent_ids)
    assert row is not None
    await work.advance(work.done, total=work.done + row["outdated"])
    await in_passes(flow, work, lambda after: read_piece(flow, work.account_id, agent_ids, after))


async def in_passes(flow: Flow, work: Work, read: Read) -> None:
    """Write all that `read` gives, piece by piece, and again what was not to be had. The cursor is (pass,
    what the last piece reached)."""
    first, after = work.cursor or (0, 0)
    for number in range(first, PASSES):
        missed = await _pass(flow, work, read, number, after)
        after = 0
        if not missed:
            return


async def _pass(flow: Flow, work: Work, read: Read, number: int, after: int) -> int:
    """Once over all pieces from `after` on; answers how many loops were not to be had."""
    done, missed = work.done, 0
    said_ms = work.clock.wall_ms()
    pieces = _planned(flow, work, read, after)
    planning = asyncio.ensure_future(anext(pieces))
    writing: deque[tuple[asyncio.Task[int], int, int | None]] = deque()
    try:
        while True:
            found, upto = await planning
            if upto is not None:
                planning = asyncio.ensure_future(anext(pieces))
            task = asyncio.create_task(write_piece(flow, found, work.clock.now_ms()))
            writing.append((task, found.total(), upto))
            while len(writing) == WRITES or (writing and upto is None):
                oldest, total, reached = writing[0]
                written = await oldest
                writing.popleft()
                done += written
                missed += total - written
                if reached is None:
                    await work.advance(done, cursor=[number + 1, 0])
                    return missed
                if work.clock.wall_ms() - said_ms >= SAY_MS:
                    await work.advance(done, cursor=[number, reached])
                    said_ms = work.clock.wall_ms()
    finally:
        await _stop(planning)
        await pieces.aclose()
        for task, _, _ in writing:
            await _stop(task)


async def _planned(
    flow: Flow, work: Work, read: Read, after: int
) -> AsyncGenerator[tuple[Outlooks, int | None], None]:
    """Piece by piece what is planned, and how far that reaches; None at the end."""
    reading = asyncio.ensure_future(read(after))
    try:
        while True:
            rows, upto = await reading
            if upto is not None:
                reading = asyncio.ensure_future(read(upto))
            yield await outlooks_of(flow, rows, work.clock.now_ms()), upto
            if upto is None:
                return
    finally:
        await _stop(reading)


async def _stop(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
