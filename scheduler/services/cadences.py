"""The job behind a version that is published for running loops, or a cadence that is archived: its waiting
loops go over to the version, keeping their place in it, or end.

The arm refuses what was planned before, so nothing depends on this: it brings what people see up to date.
"""

from __future__ import annotations

from scheduler.flow.context import Flow
from scheduler.flow.recalculate import PIECE, Piece, fetch_piece
from scheduler.services.jobs import Work
from scheduler.services.recalculate import in_passes


async def replan_cadence(flow: Flow, work: Work) -> None:
    """`work.args`: `cadence_id`. Pieces are told apart by their loops."""

    async def read(after: int) -> Piece:
        return await fetch_piece(flow, "cadence_piece", work.args["cadence_id"], after, PIECE)

    await in_passes(flow, work, read)
