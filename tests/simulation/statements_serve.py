"""What the statements of the services do: settings, gates, and what is due or over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tests.simulation.schema import LIVE
from tests.simulation.tables import Conflict, Row, Statement

NO_PACE = {"max_per_min": None}


def shards_read(s: Statement) -> list[Row]:
    return [{"shards": row["shards"]} for row in s.rows("installation")]


def policy_of_agents(s: Statement, agent_ids: Sequence[int]) -> list[Row]:
    found = []
    for agent in s.rows("agent"):
        account = s.get("account", agent["account_id"])
        if agent["agent_id"] in agent_ids and account is not None:
            found.append(
                {
                    **{name: agent[name] for name in ("agent_id", "account_id", "voice", "policy_version")},
                    "auto_dialer": agent["auto_dialer"],
                    "timezone": agent["timezone"] or account["timezone"],
                    "windows": agent["windows"] or account["windows"],
                    **{name: account[name] for name in ACCOUNT_RULES},
                    "simulated": True,
                    "account_paused": account["paused"],
                    "agent_paused": agent["paused"],
                    "deleted": False,
                    "no_call_days": "[]",
                    "closures": "[]",
                }
            )
    return found


ACCOUNT_RULES = ("live_after_hours", "strict", "frequency_caps", "jitter_max_s")


def gate_facts(
    s: Statement,
    accounts: Sequence[int] | None,
    agents: Sequence[int] | None,
    batches: Sequence[int] | None,
    trunks: Sequence[int] | None,
) -> list[Row]:
    found = [
        {"kind": "a", "id": row["account_id"], "account_id": row["account_id"], "paused": row["paused"],
         "max_concurrent": row["max_concurrent"], "max_dials_per_s": row["max_dials_per_s"], **NO_PACE}
        for row in s.rows("account") if accounts is None or row["account_id"] in accounts
    ]  # fmt: skip
    return found + [
        {"kind": "g", "id": row["agent_id"], "account_id": row["account_id"], "paused": row["paused"],
         "max_concurrent": None, "max_dials_per_s": None, **NO_PACE}
        for row in s.rows("agent") if agents is None or row["agent_id"] in agents
    ]  # fmt: skip


def agent_routes(s: Statement, agent_ids: Sequence[int] | None) -> list[Row]:
    return [
        {"agent_id": row["agent_id"], "trunk_id": 0, "caller_id_pool_id": 0}
        for row in s.rows("agent")
        if agent_ids is None or row["agent_id"] in agent_ids
    ]


def caller_id_pool_zones(s: Statement, pool_ids: Sequence[int] | None) -> list[Row]:
    return []


def held_lanes(s: Statement, batch_id: int | None) -> list[Row]:
    return []


def epoch_write(s: Statement, lock: int, shard: int, epoch: str) -> list[Row]:
    s.advise_alone((lock, shard))
    row = {"shard": shard, "epoch": epoch}
    try:
        s.insert("wheel_epoch", row)
    except Conflict:
        before = s.lock("wheel_epoch", shard)
        assert before is not None
        s.update("wheel_epoch", before, epoch=epoch)
    return []


def loop_due(
    s: Statement, since: datetime, until: datetime, after_loop_id: int, limit: int, shard: int | None
) -> list[Row]:
    found = []
    for loop in s.rows("loop"):
        next_at, loop_id = loop["next_at"], loop["loop_id"]
        if next_at is None or loop["held"] or not since <= next_at < until:
            continue
        lane = s.get("lane", loop["lane_id"])
        if lane is None or shard not in (None, lane["shard"]) or (next_at, loop_id) <= (since, after_loop_id):
            continue
        found.append(
            {"loop_id": loop_id, "lane_id": loop["lane_id"], "shard": lane["shard"], "next_at": next_at}
        )
    return sorted(found, key=lambda row: (row["next_at"], row["loop_id"]))[:limit]


def attempt_live(s: Statement) -> list[Row]:
    found = []
    for row in s.rows("attempt"):
        lane = s.get("lane", row["lane_id"])
        if row["state"] in LIVE and lane is not None:
            names = ("loop_id", "account_id", "agent_id", "batch_id", "armed_at")
            here = {"shard": lane["shard"], "trunk_id": 0, "caller_id_pool_id": 0}
            found.append({**{name: row[name] for name in names}, **here})
    return found


def attempt_live_of(s: Statement, loop_ids: Sequence[int]) -> list[Row]:
    return [
        {"loop_id": row["loop_id"]}
        for row in s.rows("attempt")
        if row["state"] in LIVE and row["loop_id"] in loop_ids
    ]


def calls_over(s: Statement, loop_ids: Sequence[int]) -> list[Row]:
    found = []
    for loop in s.rows("loop"):
        if loop["loop_id"] in loop_ids:
            own = [row for row in s.rows("attempt") if row["loop_id"] == loop["loop_id"]]
            last = max(own, key=lambda row: row["n"], default=None)
            if last is None or last["state"] not in LIVE:
                lane_id = loop["lane_id"] if last is None else last["lane_id"]
                found.append({"loop_id": loop["loop_id"], "lane_id": lane_id})
    return found


def attempt_overdue(s: Statement, armed_before: datetime, limit: int) -> list[Row]:
    late = [row for row in s.rows("attempt") if row["state"] in LIVE and row["armed_at"] < armed_before]
    late.sort(key=lambda row: row["armed_at"])
    return [{name: row[name] for name in ("attempt_id", "state", "armed_at")} for row in late[:limit]]


def attempt_lookups(s: Statement, attempt_ids: Sequence[int], live: bool) -> list[Row]:
    names = ("attempt_id", "permit", "state", "armed_at", "provider_call_id")
    return [
        {name: row[name] for name in names}
        for row in s.rows("attempt")
        if row["attempt_id"] in attempt_ids and row["state"] in LIVE and not live
    ]
