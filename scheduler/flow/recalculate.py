"""Waiting loops planned anew after a change of settings, in the background.

The arm refuses what was planned before the change, so nothing depends on this: it brings the times that
people see, and the wheel, to what the settings say now. Loops are planned without a lock and written where
they are still as they were read; who is busy with a lead just then plans it by himself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.facts import encode_trail, encode_why
from scheduler.flow.lanes import LaneKey
from scheduler.flow.moving import Moved, follow_moves
from scheduler.flow.news import of_planned
from scheduler.flow.outlook import Outlook, Outlooks
from scheduler.flow.replan import replan_loops
from scheduler.ledger.columns import numbers, words
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.news import tell_all
from scheduler.wheel import Placing

KIND = "recalculation"

PIECE = 4000
"""Active loops looked at in one step."""

PART = 500
"""Loops written in one transaction: other writers wait 10 ms for it. The parts of a piece lie among one
another like combs. A page of the table holds about nine loops and has room for one more, so each part finds
the room that the one before has left; written in a row most loops would have to move to other pages, which
takes twice the time and three times the log."""

FAR_MS: Ms = 1 << 50
"""Beyond any horizon: where a loop is that does not belong on a lane."""


class Piece(NamedTuple):
    """Rows of `replan_read`. `upto`: the lead to go on after, None at the end."""

    rows: list[Row]
    upto: int | None


async def read_piece(flow: Flow, account_id: int, agent_ids: Collection[int], after: int) -> Piece:
    """The next outdated loops of these agents after the lead `after`."""
    return await fetch_piece(flow, "recalculate_piece", account_id, list(agent_ids), after, PIECE)


async def fetch_piece(flow: Flow, name: str, *arguments: Any) -> Piece:
    """The loops that the named statement finds."""
    async with flow.database.connection() as on:
        found = await flow.database.fetch_row(name, *arguments, on=on)
        assert found is not None
        rows = await flow.database.fetch("replan_read", found["loop_ids"], on=on) if found["loop_ids"] else []
        return Piece(rows, found["upto"])


async def write_piece(flow: Flow, found: Outlooks, now_ms: Ms) -> int:
    """Write what is still as it was read, and have the wheel follow; answers how many loops are up to date.
    Leads that somebody holds are left alone: what holds them plans them."""
    parts = -(-found.total() // PART)
    return sum([await _write_part(flow, found.comb(part, parts), now_ms) for part in range(parts)])


async def _write_part(flow: Flow, part: Outlooks, now_ms: Ms) -> int:
    keys = {each.next.lane for each in part.anew if each.next.lane is not None}
    lanes = {key: ref.lane_id for key, ref in (await flow.lanes.ensure(keys, now_ms)).items()}
    shards = await flow.lanes.shards_of({*lanes.values(), *(each.row["lane_id"] for each in part.anew)})

    async def write(on: Connection) -> tuple[int, list[Moved], list[Placing]]:
        rows = (*part.stay, *(each.row for each in part.retold), *(each.row for each in part.anew))
        locked = await flow.database.fetch("recalculate_lock", numbers(row["lead_id"] for row in rows), on=on)
        versions = {row["lead_id"]: row["version"] for row in locked}
        ours = part.those(lambda row: versions.get(row["lead_id"]) == row["lead_version"])
        handing = [each.row["loop_id"] for each in ours.anew if each.next.hands_to is not None]
        begun = await replan_loops(flow, flow.database, handing, now_ms, on) if handing else []
        anew = [each for each in ours.anew if each.next.hands_to is None]
        kept = await _keep(flow, ours, on)
        written = await _write(flow, anew, lanes, now_ms, on) if anew else set()
        told = of_planned((each.row, each.next) for each in anew if each.row["loop_id"] in written)
        await tell_all(flow.database, told, now_ms, on)
        moves = [
            move for each in anew if each.row["loop_id"] in written for move in _moves(each, lanes, shards)
        ]
        return kept + len(written) + len(handing), moves, begun

    count, moves, begun = await in_transaction(flow.database, write)
    await follow_moves(flow, moves, now_ms)
    await flow.place([each for each in begun if flow.within_horizon(each.due_at_ms, now_ms)], now_ms)
    return count


async def _keep(flow: Flow, ours: Outlooks, on: Connection) -> int:
    """Write that these are up to date where they are; answers how many were still there."""
    told: list[str] = []
    if ours.stay:
        told.append(await flow.database.execute("recalculate_stamp", *_as_read(ours.stay), on=on))
    if ours.retold:
        told.append(
            await flow.database.execute(
                "recalculate_retell",
                *_as_read([each.row for each in ours.retold]),
                numbers([each.open_until_ms for each in ours.retold]),
                [encode_why(each.lines) for each in ours.retold],
                on=on,
            )
        )
    return sum(int(tag.removeprefix("UPDATE ")) for tag in told)


def _as_read(rows: Sequence[Row]) -> tuple[str, str, str, str]:
    """The loops, the versions that they are up to date with, and when they wait."""
    return (
        numbers([row["loop_id"] for row in rows]),
        numbers([row["policy_version"] for row in rows]),
        numbers([row["lead_version"] for row in rows]),
        numbers([to_ms(row["next_at"]) for row in rows]),
    )


async def _write(
    flow: Flow, anew: Sequence[Outlook], lanes: dict[LaneKey, int], now_ms: Ms, on: Connection
) -> set[int]:
    follows = [each.course.follows or (None, None) for each in anew]
    nexts, rows = [each.next for each in anew], [each.row for each in anew]
    written = await flow.database.fetch(
        "recalculate_write",
        numbers([row["loop_id"] for row in rows]),
        words([nxt.status for nxt in nexts]),
        numbers([_lane_of(each, lanes) for each in anew]),
        numbers([nxt.next_at_ms for nxt in nexts]),
        numbers([nxt.open_until_ms for nxt in nexts]),
        words([nxt.kind for nxt in nexts]),
        numbers([nxt.step for nxt in nexts]),
        words([nxt.channel for nxt in nexts]),
        [nxt.why for nxt in nexts],
        numbers([row["policy_version"] for row in rows]),
        numbers([row["lead_version"] for row in rows]),
        words([nxt.end_reason for nxt in nexts]),
        words([nxt.lead_status for nxt in nexts]),
        to_datetime(now_ms),
        numbers([cadence_id for cadence_id, _ in follows]),
        numbers([version for _, version in follows]),
        numbers([each.loop.run if each.next.run is None else each.next.run for each in anew]),
        [encode_trail(each.loop.trail) for each in anew],
        numbers([to_ms(row["next_at"]) for row in rows]),
        words(["true" if _stays_held(each, lanes) else "false" for each in anew]),
        on=on,
    )
    return {row["loop_id"] for row in written}


def _moves(each: Outlook, lanes: dict[LaneKey, int], shards: dict[int, int]) -> list[Moved]:
    """What the wheel is to do about a loop that was written: off the old lane, onto the new one."""
    was, nxt = each.row, each.next
    was_ms, lane_id = to_ms(was["next_at"]), _lane_of(each, lanes)
    shard = shards[was["lane_id"]]
    if nxt.next_at_ms is None or lane_id != was["lane_id"]:
        gone = Moved(shard, was["lane_id"], was["loop_id"], was_ms, FAR_MS, was["held"])
        if nxt.next_at_ms is None:
            return [gone]
        new = Moved(shards[lane_id], lane_id, was["loop_id"], FAR_MS, nxt.next_at_ms)
        return [gone, new]
    held = _stays_held(each, lanes)
    if (was_ms, was["held"]) == (nxt.next_at_ms, held):
        return []
    return [Moved(shard, lane_id, was["loop_id"], was_ms, nxt.next_at_ms, was["held"], held)]


def _stays_held(each: Outlook, lanes: dict[LaneKey, int]) -> bool:
    """One kept back for its batch's pace stays so while it waits on that lane."""
    waits = each.next.next_at_ms is not None
    return waits and each.row["held"] and _lane_of(each, lanes) == each.row["lane_id"]


def _lane_of(each: Outlook, lanes: dict[LaneKey, int]) -> int:
    """Where it waits from now on; one that waits no more stays counted where it was."""
    lane = each.next.lane
    return int(each.row["lane_id"]) if lane is None else lanes[lane]
