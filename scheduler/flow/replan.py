"""Planning waiting loops again: settings changed, a window closed, a contact came in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import structlog

from scheduler.domain.model import Loop, Place, Planned, Why
from scheduler.domain.spread import told
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.courses import Course, courses_of
from scheduler.flow.facts import NextRow, encode_trail, last_result, lead_facts, loop_facts, next_row
from scheduler.flow.news import of_planned
from scheduler.flow.transitions import Handover, begin_handed, hand_over
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none, to_ms
from scheduler.ledger.news import tell_all
from scheduler.wheel import Placing

log = structlog.get_logger()


async def replan_loops(
    flow: Flow,
    ledger: Database,
    loop_ids: Sequence[int],
    now_ms: Ms,
    on: Connection,
    *,
    not_before_ms: Ms | None = None,
    held_by: str = "",
) -> list[Placing]:
    """Plan these waiting loops anew inside the caller's transaction, whose leads are locked, and write it.

    `not_before_ms`: the earliest instant that is of use, and `held_by` says why, in `why[]`.

    One that cannot be planned stays as it is, with a line in the log.

    Answers where those that go on belong on the wheel; the caller, who has them leased, places them after its
    commit.
    """
    rows = await ledger.fetch("replan_read", list(loop_ids), on=on)
    if not rows:
        return []
    planned: list[_Replanned] = []
    for row, course in zip(rows, await courses_of(flow, rows, on), strict=True):
        place = await flow.places.get(row["place_id"])
        try:
            loop, nxt = planned_anew(flow, row, place, course, not_before_ms or now_ms, held_by=held_by)
        except Exception as error:  # of the planner, over one lead: it waits, and is heard of again
            log.error("loop_not_planned", loop_id=row["loop_id"], error=type(error).__name__)
            continue
        planned.append(_Replanned(row, course, loop, nxt))
    handed = await _hand_over(flow, planned, now_ms, on)
    placings = await _write(flow, ledger, planned, now_ms, on)
    await tell_all(ledger, of_planned((each.row, each.next) for each in planned), now_ms, on)
    return placings + await begin_handed(flow, ledger, handed, now_ms, on)


class _Replanned(NamedTuple):
    """One loop planned anew."""

    row: Row
    course: Course
    loop: Loop
    next: NextRow


async def _hand_over(flow: Flow, planned: list[_Replanned], now_ms: Ms, on: Connection) -> list[Handover]:
    """Put what ends by going over to another cadence as it is to be written."""
    ending = [at for at, each in enumerate(planned) if each.next.hands_to is not None]
    leads = [
        (each.row, lead_facts(flow, each.row, await flow.places.get(each.row["place_id"])), each.next)
        for each in (planned[at] for at in ending)
    ]
    handed = await hand_over(flow, leads, now_ms, on)
    for at, each in zip(ending, handed, strict=True):
        planned[at] = planned[at]._replace(next=each.ends)
    return handed


async def _write(
    flow: Flow, ledger: Database, planned: Sequence[_Replanned], now_ms: Ms, on: Connection
) -> list[Placing]:
    rows, nexts = [each.row for each in planned], [each.next for each in planned]
    follows = [each.course.follows or (None, None) for each in planned]
    lanes = await flow.lanes.ensure({nxt.lane for nxt in nexts if nxt.lane is not None}, now_ms)
    lane_ids = [
        row["lane_id"] if nxt.lane is None else lanes[nxt.lane].lane_id
        for row, nxt in zip(rows, nexts, strict=True)
    ]
    await ledger.execute(
        "loop_replan",
        [row["loop_id"] for row in rows],
        [nxt.status for nxt in nexts],
        lane_ids,
        [to_datetime_or_none(nxt.next_at_ms) for nxt in nexts],
        [to_datetime_or_none(nxt.open_until_ms) for nxt in nexts],
        [nxt.kind for nxt in nexts],
        [nxt.step for nxt in nexts],
        [nxt.channel for nxt in nexts],
        [nxt.why for nxt in nexts],
        [row["policy_version"] for row in rows],
        [row["lead_version"] for row in rows],
        [nxt.end_reason for nxt in nexts],
        [nxt.lead_status for nxt in nexts],
        to_datetime(now_ms),
        [cadence_id for cadence_id, _ in follows],
        [version for _, version in follows],
        [each.loop.run if each.next.run is None else each.next.run for each in planned],
        [encode_trail(each.loop.trail) for each in planned],
        on=on,
    )
    return [
        Placing(lanes[nxt.lane].shard, lane_id, row["loop_id"], nxt.next_at_ms, 0)
        for row, nxt, lane_id in zip(rows, nexts, lane_ids, strict=True)
        if nxt.lane is not None and nxt.next_at_ms is not None
    ]


def planned_anew(
    flow: Flow,
    row: Row,
    place: Place,
    course: Course,
    from_ms: Ms,
    *,
    held_by: str = "",
    turn: Why | None = None,
    begun_ms: Ms | None = None,
) -> tuple[Loop, NextRow]:
    """The loop of a row of `replan_read`, carried over to what it follows now, and what comes next for it.

    `turn`: the line that tells of its place in its batch. `begun_ms`: when it begins, if not as its row says.
    """
    loop = course.carried(loop_facts(row, begun_ms))
    if row["in_turn"]:
        loop = course.begun_before(loop)
    outcome = course.plan(loop, lead_facts(flow, row, place), last_result(row), from_ms)
    if isinstance(outcome, Planned):
        if outcome.at_ms < from_ms:
            raise AssertionError("a plan may not lie in the past")
        if held_by:
            line = Why("throttle", "moved", to_ms(row["next_at"]), outcome.at_ms, held_by)
            outcome = msgspec.structs.replace(outcome, why=(*outcome.why, line))
        if turn is not None and turn.from_at is not None and turn.to_at is not None:
            why = told(outcome.why, turn.from_at, turn.to_at, turn.detail)
            outcome = msgspec.structs.replace(outcome, why=why)
    return loop, next_row(outcome, row["agent_id"], row["batch_id"], row["place_id"])
