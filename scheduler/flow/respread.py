"""The first touches of a batch at new instants, when its pace became another one."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.domain.calendars import calendar_of
from scheduler.domain.model import LaneClass
from scheduler.domain.spread import Walk, position, walk
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.impact import Impact, summed_up
from scheduler.flow.moving import follow_moves, read_moved
from scheduler.flow.terms import policy_of_batch
from scheduler.flow.throttle import Pace
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_ms
from scheduler.ledger.news import tell_moved

CHUNK = 10_000
"""Loops moved in one transaction."""


async def respread(flow: Flow, pace: Pace, agent_id: int, now_ms: Ms) -> int:
    """Move every first touch of the batch that is still to come to where the pace has it, live leads aside;
    answers how many were moved.

    Done again it moves them from now on. With the wheel away the arm refuses what it hands out at an instant
    of before. Raises ServerUnavailable.
    """
    columns = await _stretches(flow, pace, agent_id, now_ms)
    held = pace.max_per_min is not None
    detail = pace.spread.text(now_ms) or "as fast as the batch's pace lets it"
    moved, after, more = 0, 0, True

    async def move(on: Connection) -> tuple[list[Row], list[Row]]:
        found = await flow.database.fetch("batch_untouched", pace.batch_id, after, CHUNK, on=on)
        loops = [row["loop_id"] for row in found]
        rows = await flow.database.fetch("batch_respread", loops, moved, held, detail, *columns, on=on)
        await tell_moved(flow.database, [row["loop_id"] for row in rows], now_ms, on)
        return found, rows

    while more:
        found, rows = await in_transaction(flow.database, move)
        moves = [read_moved(row, was_held=row["was_held"], held=held) for row in rows]
        await follow_moves(flow, moves, now_ms)
        moved += len(rows)
        more = len(found) == CHUNK
        after = max((row["loop_id"] for row in found), default=after)
    return moved


async def foresee(flow: Flow, pace: Pace, agent_id: int, now_ms: Ms, *, most: int) -> Impact:
    """What `respread` would do, with nothing moved: of up to `most` loops exactly, of more by a sample."""
    walks = await _walks(flow, pace, agent_id, now_ms)
    rows = await flow.database.fetch("batch_outlook", pace.batch_id, most)
    counts = {"earlier": 0, "later": 0, "unchanged": 0, "out": 0}
    for row in rows:
        found = walks.get(row["lane_id"])
        was_ms = to_ms(row["next_at"])
        at_ms = was_ms if found is None else found.at(position(row["n"])) or was_ms
        counts["earlier" if at_ms < was_ms else "later" if at_ms > was_ms else "unchanged"] += 1
    waiting = rows[0]["waiting"] if rows else 0
    return summed_up(counts, waiting, 1 + (waiting - 1) // most)


async def _stretches(flow: Flow, pace: Pace, agent_id: int, now_ms: Ms) -> Sequence[list[int]]:
    """The open time of the batch's bulk lanes, as columns: lane, from, length, before, open until."""
    rows = [
        (lane_id, part.from_ms, part.length_ms, part.before_ms, part.open_until_ms)
        for lane_id, found in (await _walks(flow, pace, agent_id, now_ms)).items()
        for part in found.stretches
    ]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], [], []]


async def _walks(flow: Flow, pace: Pace, agent_id: int, now_ms: Ms) -> dict[int, Walk]:
    """The open time of each of the batch's bulk lanes."""
    policy = await policy_of_batch(flow, pace.batch_id, agent_id)
    from_ms = pace.spread.from_ms(now_ms)
    found = {}
    for lane in await flow.database.fetch("batch_lanes", pace.batch_id):
        if lane["class"] == LaneClass.BULK:
            calendar = calendar_of(policy, await flow.places.get(lane["place_id"]))
            found[lane["lane_id"]] = walk(calendar, from_ms, pace.spread.over_ms)
    return found
