"""The job behind a version that is published for running loops, or a cadence that is archived: its waiting
loops go over to the version, keeping their place in it, or end.

The arm refuses what was planned before, so nothing depends on this: it brings what people see up to date.
"""

from __future__ import annotations

from scheduler.flow.context import Flow
from scheduler.flow.outlook import look
from scheduler.flow.recalculate import PIECE, write_piece
from scheduler.services.jobs import Work

PASSES = 3
"""Leads that were held the first time are looked at again; who holds one plans it by himself."""


async def replan_cadence(flow: Flow, work: Work) -> None:
    """`work.args`: `cadence_id`. The cursor is (pass, loop reached)."""
    number, after = work.cursor or (0, 0)
    missed = 0
    while number < PASSES:
        now_ms = work.clock.now_ms()
        async with flow.database.connection() as on:
            row = await flow.database.fetch_row("cadence_piece", work.args["cadence_id"], after, PIECE, on=on)
            assert row is not None
            outlooks = await look(flow, row["loop_ids"], now_ms, on)
        written = await write_piece(flow, outlooks, now_ms)
        missed += len(row["loop_ids"]) - written
        if row["upto"] is not None:
            after = row["upto"]
        else:
            number, after = (number + 1 if missed else PASSES), 0
            missed = 0
        await work.advance(work.done + written, cursor=[number, after])
