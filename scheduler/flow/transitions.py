"""Leads that one cadence hands over to another: the next loop begins in the transaction that ends one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.model import EndReason, Lead, Loop, Why
from scheduler.domain.planner import plan
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.facts import LEAD_STATUS_AT_END, NextRow, next_row
from scheduler.flow.news import of_begun
from scheduler.flow.policies import Follows
from scheduler.flow.terms import open_cadences
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none
from scheduler.ledger.news import tell_all
from scheduler.wheel import Placing


class Handover(msgspec.Struct, frozen=True):
    """A loop that ends by going over to another cadence: `ends` as it is to be written. `row`: of
    `settle_read` or `replan_read`; `begins` None: that cadence takes in no leads, and nothing follows."""

    row: Row
    ends: NextRow
    follows: Follows | None = None
    starts_at_ms: Ms = 0
    begins: NextRow | None = None


async def hand_over(
    flow: Flow, ending: Sequence[tuple[Row, Lead, NextRow]], now_ms: Ms, on: Connection
) -> list[Handover]:
    """Plan what these loops lead to, each with its lead as it is by now. Nothing is written yet."""
    if not ending:
        return []
    wanted = {(row["account_id"], nxt.hands_to[0]) for row, _, nxt in ending if nxt.hands_to is not None}
    opened = await open_cadences(flow, wanted, on)
    versions = {row["agent_id"]: row["policy_version"] for row, _, _ in ending}
    agents = await flow.policies.of_versions(versions, on)
    found = []
    for row, lead, nxt in ending:
        assert nxt.hands_to is not None
        cadence_id, start_ms = nxt.hands_to
        follows = opened.get(cadence_id)
        if follows is None:
            found.append(Handover(row, _led_nowhere(nxt)))
            continue
        policy = await flow.policies.in_cadence(agents[row["agent_id"]], follows, on)
        first = plan(Loop(start_ms), policy, lead, None, now_ms)
        begins = next_row(first, row["agent_id"], row["batch_id"], row["place_id"])
        ends = msgspec.structs.replace(nxt, lead_status=begins.lead_status)
        found.append(Handover(row, ends, follows, start_ms, begins))
    return found


async def begin_handed(
    flow: Flow, ledger: Database, handed: Sequence[Handover], now_ms: Ms, on: Connection
) -> list[Placing]:
    """Begin what follows, once the loops before are written as ended. Answers what belongs on the wheel."""
    begun = [(each, each.begins, each.follows) for each in handed if each.begins and each.follows]
    if not begun:
        return []
    lanes = await flow.lanes.ensure({nxt.lane for _, nxt, _ in begun if nxt.lane is not None}, now_ms)
    lane_ids = [
        each.row["lane_id"] if nxt.lane is None else lanes[nxt.lane].lane_id for each, nxt, _ in begun
    ]
    rows = await ledger.fetch(
        "transition_start",
        [each.row["lead_id"] for each, _, _ in begun],
        [each.row["account_id"] for each, _, _ in begun],
        [each.row["agent_id"] for each, _, _ in begun],
        [each.row["batch_id"] for each, _, _ in begun],
        lane_ids,
        [each.row["policy_version"] for each, _, _ in begun],
        [to_datetime(each.starts_at_ms) for each, _, _ in begun],
        [to_datetime_or_none(nxt.next_at_ms) for _, nxt, _ in begun],
        [to_datetime_or_none(nxt.open_until_ms) for _, nxt, _ in begun],
        [nxt.kind for _, nxt, _ in begun],
        [nxt.step for _, nxt, _ in begun],
        [nxt.channel for _, nxt, _ in begun],
        [nxt.why for _, nxt, _ in begun],
        [nxt.end_reason for _, nxt, _ in begun],
        [cadence_id for _, _, (cadence_id, _) in begun],
        [version for _, _, (_, version) in begun],
        to_datetime(now_ms),
        on=on,
    )
    loop_ids = {row["lead_id"]: row["loop_id"] for row in rows}
    told = of_begun((each.row, loop_ids[each.row["lead_id"]], nxt) for each, nxt, _ in begun)
    await tell_all(ledger, told, now_ms, on)
    return [
        Placing(lanes[nxt.lane].shard, lane_id, loop_ids[each.row["lead_id"]], nxt.next_at_ms, 0)
        for (each, nxt, _), lane_id in zip(begun, lane_ids, strict=True)
        if nxt.lane is not None and nxt.next_at_ms is not None
    ]


def _led_nowhere(nxt: NextRow) -> NextRow:
    line = Why("strategy", "blocked", detail="the cadence it leads to takes in no leads", ref="cadence")
    return msgspec.structs.replace(
        nxt,
        end_reason=EndReason.CADENCE_COMPLETE,
        lead_status=LEAD_STATUS_AT_END[EndReason.CADENCE_COMPLETE],
        lines=(*nxt.lines, line),
    )
