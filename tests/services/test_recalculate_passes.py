"""The job behind a change of settings, piece by piece: what it says of itself and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from scheduler.clock import RealClock
from scheduler.services import recalculate
from scheduler.services.recalculate import WRITES, in_passes

PIECES = 6


class Found:
    """Of one piece, which has one loop."""

    def __init__(self, number: int) -> None:
        self.number = number

    def total(self) -> int:
        return 1


class Work:
    """A job that keeps what it is told."""

    clock, cursor, done = RealClock(), None, 0

    def __init__(self, written: list[int]) -> None:
        self.written = written
        self.said: list[tuple[int, list[int]]] = []

    async def advance(self, done: int, *, cursor: list[int]) -> None:
        assert done == len(self.written[:done])
        if cursor[0] == 0:
            self.said.append((cursor[1], list(self.written)))


async def passes(
    monkeypatch: pytest.MonkeyPatch, work: Work, write: Callable[[int], Awaitable[None]]
) -> None:
    async def read(after: int) -> Any:
        return after + 1, after + 1 if after + 1 < PIECES else None

    async def planned(flow: Any, rows: int, now_ms: int) -> Found:
        return Found(rows)

    async def written(flow: Any, found: Found, now_ms: int) -> int:
        await write(found.number)
        return 1

    monkeypatch.setattr(recalculate, "outlooks_of", planned)
    monkeypatch.setattr(recalculate, "write_piece", written)
    monkeypatch.setattr(recalculate, "SAY_MS", 0)
    await in_passes(cast(Any, None), cast(Any, work), read)


async def test_a_job_is_as_far_as_it_says_whichever_piece_is_written_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I20: after a crash it goes on from there, and leaves nobody under the settings of before."""
    under_way, most = 0, 0
    work = Work([])

    async def write(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20 * (number % 2)):
            await asyncio.sleep(0)
        under_way -= 1
        work.written.append(number)

    await passes(monkeypatch, work, write)

    assert sorted(work.written) == list(range(1, PIECES + 1))
    assert [reached for reached, _ in work.said] == list(range(1, PIECES))
    for reached, written in work.said:
        assert set(range(1, reached + 1)) <= set(written)
    assert most == WRITES


async def test_a_piece_that_cannot_be_written_leaves_none_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """I20: whoever takes the job next is alone with it."""
    beside, broken_off = asyncio.Event(), set()

    async def write(number: int) -> None:
        if number == 1:
            await beside.wait()
            raise OSError
        beside.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.add(number)

    with pytest.raises(OSError):
        await passes(monkeypatch, Work([]), write)
    assert broken_off == {2}
