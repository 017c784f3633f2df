"""What waiting loops would be planned for under the settings of now, beside what is planned for them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec
import structlog

from scheduler.domain.calendars import calendar_of
from scheduler.domain.case import at_once
from scheduler.domain.consent import expires_ms
from scheduler.domain.model import Loop, Place, Why
from scheduler.domain.placement import ROOM
from scheduler.domain.reasons import kept_reasons
from scheduler.domain.spread import told as on_time
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.courses import Course, courses_of
from scheduler.flow.facts import NextRow
from scheduler.flow.lanes import LaneKey
from scheduler.flow.replan import planned_anew
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_ms, to_ms_or_none

log = structlog.get_logger()

BREATH = 100
"""Loops planned before others of the process have a turn: a millisecond."""

Move: TypeAlias = Literal["earlier", "later", "unchanged", "out"]

_put_off = re.compile(r'"rule": ?"(?:pause|throttle)"').search
_paused = re.compile(r'"rule": ?"pause"').search
_lines = msgspec.json.Decoder(tuple[Why, ...]).decode


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """One loop: `row` is that of `replan_read`, `loop` as it is carried over, `course` what it follows,
    `next` its plan now."""

    row: Row
    course: Course
    loop: Loop
    next: NextRow
    move: Move


class Retold(msgspec.Struct, frozen=True, gc=False):
    """A loop that stays where it is, in hours that end at another time or for other reasons."""

    row: Row
    open_until_ms: Ms | None
    lines: tuple[Why, ...]


class Outlooks(NamedTuple):
    """`stay`: rows in which the very plan of now is stored already; `retold`: those with its instant; `anew`:
    the other loops."""

    stay: list[Row]
    retold: list[Retold]
    anew: list[Outlook]

    def total(self) -> int:
        return len(self.stay) + len(self.retold) + len(self.anew)

    def comb(self, tooth: int, teeth: int) -> Outlooks:
        """Every so many-th of each, from this one on."""
        return Outlooks(self.stay[tooth::teeth], self.retold[tooth::teeth], self.anew[tooth::teeth])

    def those(self, wanted: Callable[[Row], bool]) -> Outlooks:
        """Those with such a row."""
        return Outlooks(
            [row for row in self.stay if wanted(row)],
            [each for each in self.retold if wanted(each.row)],
            [each for each in self.anew if wanted(each.row)],
        )

    def tally(self, moves: dict[str, int]) -> None:
        """Add up how many loops move, and where to."""
        moves["unchanged"] += len(self.stay) + len(self.retold)
        for each in self.anew:
            moves[each.move] += 1


async def look(flow: Flow, loop_ids: Sequence[int], now_ms: Ms, on: Connection) -> Outlooks:
    """Plan those of these loops that wait anew, writing nothing. One that cannot be planned is left out, with
    a line in the log."""
    rows = await flow.database.fetch("replan_read", loop_ids, on=on) if loop_ids else []
    return await outlooks_of(flow, rows, now_ms, on)


async def outlooks_of(flow: Flow, rows: Sequence[Row], now_ms: Ms, on: Connection | None = None) -> Outlooks:
    """The same for loops that were read, by the settings in them."""
    found = Outlooks([], [], [])
    failed: dict[int, str] = {}
    lanes = {lane.ref.lane_id: lane.key for lane in flow.lanes.known()}
    for first in range(0, len(rows), BREATH):
        group = rows[first : first + BREATH]
        for row, course in zip(group, await courses_of(flow, group, on), strict=True):
            place, lane = await flow.places.get(row["place_id"]), lanes.get(row["lane_id"])
            try:
                one = unmoved(row, course, place, lane, now_ms) or outlook(
                    flow, row, course, place, lane, now_ms
                )
            except Exception as error:  # of the planner, over one lead: it waits, and is heard of again
                failed[row["loop_id"]] = type(error).__name__
                continue
            if isinstance(one, Outlook):
                found.anew.append(one)
            elif isinstance(one, Retold):
                found.retold.append(one)
            else:
                found.stay.append(row)
        await asyncio.sleep(0)
    if failed:  # one line for all: a fault of ours would write a million
        loop_id, kind = next(iter(failed.items()))
        log.error("loops_not_planned", loops=len(failed), first_loop_id=loop_id, error=kind)
    return found


def unmoved(
    row: Row, course: Course, place: Place, lane: LaneKey | None, now_ms: Ms
) -> Literal["stays"] | Retold | None:
    """Whether a first touch is where its batch has put it, and open as it stands: what `outlook` would find,
    in a third of the time. None where that may be or not."""
    if not row["in_turn"] or row["status"] != "scheduled" or row["cadence_id"] is not None:
        return None
    told = (row["asked"], row["contacts"], row["quiet_until"], row["history"], row["outcome"], row["follows"])
    if told != _NOTHING or row["once"]:
        return None
    policy = course.policy
    if policy.cadence is not None or policy.strategy == "cadence" or policy.max_attempts == 0 or lane is None:
        return None
    if policy.consent_required and (
        row["consent_said"] is None or expires_ms(row["consent_said"]) is not None
    ):
        return None
    planned = (row["next_kind"], row["next_channel"], row["next_step"], row["agent_id"], row["batch_id"])
    if planned != ("first", "call", row["step"], lane.agent_id, lane.batch_id):
        return None
    if lane.lane_class != "bulk" or lane.place_id != row["place_id"]:
        return None
    why, was_ms = row["why"], to_ms(row["next_at"])
    turn = None if _paused(why) is not None else _turn_of(why)
    if turn is None or turn.from_at is None or turn.to_at is None:
        return None
    if was_ms < now_ms or _turn_ms(row, turn) != was_ms:
        return None
    calendar = calendar_of(policy, place)
    around = calendar.open.at(was_ms)
    if around is None or was_ms + ROOM > around[1]:
        return None
    if to_ms_or_none(row["open_until"]) == around[1]:
        return "stays"
    lines = (at_once(policy, was_ms), *kept_reasons(calendar, around))
    return Retold(row, around[1], on_time(lines, turn.from_at, turn.to_at, turn.detail))


_NOTHING = (None,) * 6


def outlook(
    flow: Flow, row: Row, course: Course, place: Place, lane: LaneKey | None, now_ms: Ms
) -> Literal["stays"] | Retold | Outlook:
    """What would be planned for a loop that waits on `lane` (None: on one that is not known here), where that
    is not stored already."""
    was_ms, why = to_ms(row["next_at"]), row["why"]
    put_off = _put_off(why) is not None
    turn = _turn_of(why) if put_off and row["in_turn"] else None
    spread = put_off and (not row["in_turn"] or _paused(why) is not None)
    floor_ms = max(was_ms, now_ms) if spread else now_ms
    begun_ms = _turn_ms(row, turn) if row["in_turn"] else None
    loop, nxt = planned_anew(flow, row, place, course, floor_ms, turn=turn, begun_ms=begun_ms)
    move = _move(max(was_ms, now_ms), nxt)
    if move == "unchanged" and was_ms < now_ms:  # overdue: it keeps its place in the line
        nxt, put_off = msgspec.structs.replace(nxt, next_at_ms=was_ms), True
    if move != "unchanged" or nxt.lane != lane or not _same(row, course, loop, nxt):
        return Outlook(row, course, loop, nxt, move)
    # what was put off, by a pause, a pace or for want of a turn, keeps the lines that say so
    if to_ms_or_none(row["open_until"]) == nxt.open_until_ms and (put_off or why == nxt.why):
        return "stays"
    return Retold(row, nxt.open_until_ms, nxt.lines)


def _turn_of(why: str) -> Why | None:
    """The line that tells of a loop's place in its batch, wherever it was moved from there."""
    lines = [line for line in _lines(why) if line.rule == "throttle"]
    return lines[-1] if lines else None


def _turn_ms(row: Row, turn: Why | None) -> Ms:
    """The place in its batch of a loop that was never dialled, without a word of it the batch's beginning;
    not its present instant, which it may have been moved to."""
    return max(to_ms(row["batch_from"]), (turn.to_at if turn is not None else None) or 0)


def _move(was_ms: Ms, nxt: NextRow) -> Move:
    if nxt.next_at_ms is None:
        return "later" if nxt.end_reason is None else "out"
    if nxt.next_at_ms == was_ms:
        return "unchanged"
    return "earlier" if nxt.next_at_ms < was_ms else "later"


def _same(row: Row, course: Course, loop: Loop, nxt: NextRow) -> bool:
    """Whether the row says all of the plan already, but for the reasons and when the hours end."""
    return (
        row["status"] == nxt.status
        and row["next_kind"] == nxt.kind
        and row["next_step"] == nxt.step
        and row["next_channel"] == nxt.channel
        and row["run"] == (loop.run if nxt.run is None else nxt.run)
        and (row["cadence_id"], row["cadence_version"]) == (course.follows or (None, None))
    )
