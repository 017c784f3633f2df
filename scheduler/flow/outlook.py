"""What waiting loops would be planned for under the settings of now, beside what is planned for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import structlog

from scheduler.domain.model import Loop
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.courses import Course, courses_of
from scheduler.flow.facts import NextRow
from scheduler.flow.replan import planned_anew
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_ms, to_ms_or_none

log = structlog.get_logger()

BREATH = 100
"""Loops planned before others of the process have a turn: a millisecond."""

Move: TypeAlias = Literal["earlier", "later", "unchanged", "out"]

_PUT_OFF = ('"rule":"pause"', '"rule": "pause"', '"rule":"throttle"', '"rule": "throttle"')


class Outlook(NamedTuple):
    """One loop: `stored` is its row of `recalculate_piece`, `row` that of `replan_read`; `loop` as it is
    carried over, `course` what it follows, `next` its plan now. `keeps`: the stored plan is that very plan.
    """

    stored: Row
    row: Row
    course: Course
    loop: Loop
    next: NextRow
    move: Move
    keeps: bool


async def look(flow: Flow, stored: Sequence[Row], now_ms: Ms, on: Connection) -> list[Outlook]:
    """Plan these loops anew, writing nothing. One that changed since it was read is left out, and so is one
    that cannot be planned, with a line in the log."""
    if not stored:
        return []
    rows = await flow.database.fetch("replan_read", [row["loop_id"] for row in stored], on=on)
    by_loop = {row["loop_id"]: row for row in stored}
    found: list[Outlook] = []
    for number, (row, course) in enumerate(zip(rows, await courses_of(flow, rows, on), strict=True)):
        if number % BREATH == BREATH - 1:
            await asyncio.sleep(0)
        was = by_loop[row["loop_id"]]
        if was["next_at"] != row["next_at"]:
            continue
        place = await flow.places.get(row["place_id"])
        was_ms = to_ms(was["next_at"])
        put_off = was_ms > now_ms and any(rule in was["why"] for rule in _PUT_OFF)
        try:
            loop, nxt = planned_anew(flow, row, place, course, was_ms if put_off else now_ms)
        except Exception as error:  # of the planner, over one lead: it waits, and is heard of again
            log.error("loop_not_planned", loop_id=row["loop_id"], error=type(error).__name__)
            continue
        move = _move(max(was_ms, now_ms), nxt)
        keeps = move == "unchanged" and _same(was, was_ms, row, course, loop, nxt, put_off)
        found.append(Outlook(was, row, course, loop, nxt, move, keeps))
    return found


def _move(was_ms: Ms, nxt: NextRow) -> Move:
    if nxt.next_at_ms is None:
        return "later" if nxt.end_reason is None else "out"
    if nxt.next_at_ms == was_ms:
        return "unchanged"
    return "earlier" if nxt.next_at_ms < was_ms else "later"


def _same(was: Row, was_ms: Ms, row: Row, course: Course, loop: Loop, nxt: NextRow, put_off: bool) -> bool:
    """Whether the row says all of the plan already. What a pause or a pace has put off keeps the line that
    says so; an overdue one keeps its place in the order of time."""
    return (
        (put_off or was["why"] == nxt.why or was_ms < (nxt.next_at_ms or 0))
        and was["status"] == nxt.status
        and to_ms_or_none(was["open_until"]) == nxt.open_until_ms
        and was["next_kind"] == nxt.kind
        and was["next_step"] == nxt.step
        and was["next_channel"] == nxt.channel
        and row["run"] == (loop.run if nxt.run is None else nxt.run)
        and (row["cadence_id"], row["cadence_version"]) == (course.follows or (None, None))
    )
