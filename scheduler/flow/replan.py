"""Planning waiting loops again: settings changed, a window closed, a contact came in between."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from scheduler.domain.model import Place, Planned, Why
from scheduler.domain.planner import plan
from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.facts import NextRow, last_result, lead_facts, loop_facts, next_row
from scheduler.flow.policies import AgentPolicy
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none, to_ms
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
    policies = await flow.policies.of_versions({r["agent_id"]: r["policy_version"] for r in rows}, on=on)
    planned: list[tuple[Row, NextRow]] = []
    for row in rows:
        place = await flow.places.get(row["place_id"])
        try:
            nxt = _planned(flow, row, place, policies[row["agent_id"]], not_before_ms or now_ms, held_by)
        except Exception as error:  # of the planner, over one lead: it waits, and is heard of again
            log.error("loop_not_planned", loop_id=row["loop_id"], error=type(error).__name__)
            continue
        planned.append((row, nxt))
    lanes = await flow.lanes.ensure({nxt.lane for _, nxt in planned if nxt.lane is not None}, now_ms)
    lane_ids = [row["lane_id"] if nxt.lane is None else lanes[nxt.lane].lane_id for row, nxt in planned]
    await ledger.execute(
        "loop_replan",
        [row["loop_id"] for row, _ in planned],
        [nxt.status for _, nxt in planned],
        lane_ids,
        [to_datetime_or_none(nxt.next_at_ms) for _, nxt in planned],
        [to_datetime_or_none(nxt.open_until_ms) for _, nxt in planned],
        [nxt.kind for _, nxt in planned],
        [nxt.step for _, nxt in planned],
        [nxt.channel for _, nxt in planned],
        [nxt.why for _, nxt in planned],
        [row["policy_version"] for row, _ in planned],
        [row["lead_version"] for row, _ in planned],
        [nxt.end_reason for _, nxt in planned],
        [nxt.lead_status for _, nxt in planned],
        to_datetime(now_ms),
        on=on,
    )
    return [
        Placing(lanes[nxt.lane].shard, lane_id, row["loop_id"], nxt.next_at_ms, 0)
        for (row, nxt), lane_id in zip(planned, lane_ids, strict=True)
        if nxt.lane is not None and nxt.next_at_ms is not None
    ]


def _planned(flow: Flow, row: Row, place: Place, agent: AgentPolicy, from_ms: Ms, held_by: str) -> NextRow:
    outcome = plan(loop_facts(row), agent.policy, lead_facts(flow, row, place), last_result(row), from_ms)
    if isinstance(outcome, Planned):
        if outcome.at_ms < from_ms:
            raise AssertionError("a plan may not lie in the past")
        if held_by:
            line = Why("throttle", "moved", to_ms(row["next_at"]), outcome.at_ms, held_by)
            outcome = msgspec.structs.replace(outcome, why=(*outcome.why, line))
    return next_row(outcome, row["agent_id"], row["batch_id"], row["place_id"])
