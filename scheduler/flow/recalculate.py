"""Waiting loops planned anew after a change of settings, in the background.

The arm refuses what was planned before the change, so nothing depends on this: it brings the times that
people see, and the wheel, to what the settings say now. Loops are planned without a lock and written where
they are still as they were read; who is busy with a lead just then plans it by himself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.facts import encode_trail
from scheduler.flow.lanes import LaneKey
from scheduler.flow.moving import Moved, follow_moves
from scheduler.flow.news import of_planned
from scheduler.flow.outlook import Outlook, look
from scheduler.flow.replan import replan_loops
from scheduler.ledger.columns import numbers, words
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.news import tell_all
from scheduler.wheel import Placing

KIND = "recalculation"

PIECE = 500
"""Active loops looked at in one step: others of the process wait 3 ms for a turn, other writers 20 ms."""


FAR_MS: Ms = 1 << 50
"""Beyond any horizon: where a loop is that does not belong on a lane."""


class Piece(NamedTuple):
    """Loops with what they would be planned for. `upto`: the lead to go on after, None at the end."""

    outlooks: list[Outlook]
    upto: int | None


async def read_piece(
    flow: Flow, account_id: int, agent_ids: Collection[int], after: int, now_ms: Ms
) -> Piece:
    """The next outdated loops of these agents after the lead `after`, planned anew; nothing is written."""
    async with flow.database.connection() as on:
        row = await flow.database.fetch_row(
            "recalculate_piece", account_id, list(agent_ids), after, PIECE, on=on
        )
        assert row is not None
        return Piece(await look(flow, row["loop_ids"], now_ms, on), row["upto"])


async def write_piece(flow: Flow, outlooks: Sequence[Outlook], now_ms: Ms) -> int:
    """Write what is still as it was read, and have the wheel follow; answers how many loops are up to date.
    Leads that somebody holds are left alone: what holds them plans them."""
    if not outlooks:
        return 0
    keys = {each.next.lane for each in outlooks if each.next.lane is not None}
    lanes = {key: ref.lane_id for key, ref in (await flow.lanes.ensure(keys, now_ms)).items()}
    shards = await flow.lanes.shards_of({*lanes.values(), *(each.row["lane_id"] for each in outlooks)})

    async def write(on: Connection) -> tuple[int, list[Moved], list[Placing]]:
        leads = numbers(each.row["lead_id"] for each in outlooks)
        locked = await flow.database.fetch("recalculate_lock", leads, on=on)
        versions = {row["lead_id"]: row["version"] for row in locked}
        ours = [each for each in outlooks if versions.get(each.row["lead_id"]) == each.row["lead_version"]]
        handing = [each.row["loop_id"] for each in ours if each.next.hands_to is not None]
        begun = await replan_loops(flow, flow.database, handing, now_ms, on) if handing else []
        ours = [each for each in ours if each.next.hands_to is None]
        same = [each for each in ours if each.keeps and _lane_of(each, lanes) == each.row["lane_id"]]
        kept = {each.row["loop_id"] for each in same}
        anew = [each for each in ours if each.row["loop_id"] not in kept]
        if same:
            await _stamp(flow, same, on)
        written = await _write(flow, anew, lanes, now_ms, on) if anew else set()
        told = of_planned((each.row, each.next) for each in anew if each.row["loop_id"] in written)
        await tell_all(flow.database, told, now_ms, on)
        moves = [
            move for each in anew if each.row["loop_id"] in written for move in _moves(each, lanes, shards)
        ]
        return len(same) + len(written) + len(handing), moves, begun

    count, moves, begun = await in_transaction(flow.database, write)
    await follow_moves(flow, moves, now_ms)
    await flow.place([each for each in begun if flow.within_horizon(each.due_at_ms, now_ms)], now_ms)
    return count


async def _stamp(flow: Flow, same: Sequence[Outlook], on: Connection) -> None:
    await flow.database.execute(
        "recalculate_stamp",
        numbers([each.row["loop_id"] for each in same]),
        numbers([each.row["policy_version"] for each in same]),
        numbers([each.row["lead_version"] for each in same]),
        numbers([to_ms(each.row["next_at"]) for each in same]),
        on=on,
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
