"""Loops that were given another instant in the ledger: the wheel follows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms
from scheduler.wheel import Placing

log = structlog.get_logger()


class Moved(msgspec.Struct, frozen=True):
    """A waiting loop before and after; held back, it is not on the wheel."""

    shard: int
    lane_id: int
    loop_id: int
    was_at_ms: Ms
    at_ms: Ms
    was_held: bool = False
    held: bool = False


def read_moved(row: Row, *, was_held: bool = False, held: bool = False) -> Moved:
    return Moved(
        row["shard"],
        row["lane_id"],
        row["loop_id"],
        to_ms(row["was_at"]),
        to_ms(row["next_at"]),
        was_held,
        held,
    )


async def follow_moves(flow: Flow, moves: Sequence[Moved], now_ms: Ms) -> None:
    """Put those on the wheel that belong there now and take away those that do no longer, after the commit.
    With the wheel away the arm refuses what it hands out at an instant of before."""
    placings: list[Placing] = []
    leaving: list[tuple[int, int, int]] = []
    for move in moves:
        was_there = not move.was_held and flow.within_horizon(move.was_at_ms, now_ms)
        if not move.held and flow.within_horizon(move.at_ms, now_ms):
            was_at_ms = move.was_at_ms if was_there else 0
            placings.append(Placing(move.shard, move.lane_id, move.loop_id, move.at_ms, was_at_ms))
        elif was_there:
            leaving.append((move.shard, move.lane_id, move.loop_id))
    await flow.place(placings, now_ms)
    try:
        if leaving:
            await flow.wheel.withdraw(leaving, now_ms)
    except DialwheelError as error:
        log.warning("loops_not_withdrawn", loops=len(leaving), why=error.what)
