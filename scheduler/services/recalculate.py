"""The job behind a change of settings: every loop that it makes outdated is planned anew, a piece at a time.

While one piece is written the next one is read and planned, so that ledger and planner work side by side.
"""

from __future__ import annotations

import asyncio

from scheduler.flow.context import Flow
from scheduler.flow.hours import shape_hours
from scheduler.flow.recalculate import read_piece, write_piece
from scheduler.services.jobs import Work

PASSES = 3
"""Leads that were held the first time are looked at again; who changes one plans it by himself."""


async def recalculate(flow: Flow, work: Work) -> None:
    """`work.args`: `agent_ids`. The cursor is (pass, lead reached)."""
    agent_ids = work.args["agent_ids"]
    await shape_hours(flow, agent_ids, work.clock.now_ms())
    row = await flow.database.fetch_row("recalculate_left", work.account_id, agent_ids)
    assert row is not None
    left: int = row["outdated"]
    first, after = work.cursor or (0, 0)
    await work.advance(work.done, cursor=[first, after], total=work.done + left)
    for number in range(first, PASSES):
        missed = await _pass(flow, work, number, after)
        after = 0
        if not missed:
            return


async def _pass(flow: Flow, work: Work, number: int, after: int) -> int:
    """Once over all outdated loops from the lead `after` on; answers how many were not to be had."""
    agent_ids, missed = work.args["agent_ids"], 0
    reading = asyncio.create_task(read_piece(flow, work.account_id, agent_ids, after, work.clock.now_ms()))
    try:
        while True:
            piece = await reading
            if piece.upto is not None:
                reading = asyncio.create_task(
                    read_piece(flow, work.account_id, agent_ids, piece.upto, work.clock.now_ms())
                )
            written = await write_piece(flow, piece.outlooks, work.clock.now_ms())
            missed += len(piece.outlooks) - written
            cursor = [number + 1, 0] if piece.upto is None else [number, piece.upto]
            await work.advance(work.done + written, cursor=cursor)
            if piece.upto is None:
                return missed
    finally:
        reading.cancel()
        await asyncio.wait([reading])
