"""What the statements of enrolment, of the services and of the people who steer do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from scheduler.domain.time import Ms
from scheduler.ledger.instants import to_datetime
from tests.simulation.schema import LIVE
from tests.simulation.tables import Conflict, Row, Statement

GOLDEN = Decimal("0.6180339887498949")
NO_PACE = {"max_per_min": None}

# -- enrolment ---------------------------------------------------------------------------------------


def place_all(s: Statement) -> list[Row]:
    return [dict(row) for row in s.rows("place")]


def place_ensure(s: Statement, zones: list, regions: list, own_zones: list, source: str) -> list[Row]:
    row = {"zones": zones, "regions": regions, "own_zones": own_zones, "source": source}
    try:
        return [{"place_id": s.insert("place", {"place_id": s.next_id("place"), **row})}]
    except Conflict:
        names = row.keys()
        return [
            {"place_id": found["place_id"]}
            for found in s.rows("place")
            if all(found[name] == row[name] for name in names)
        ]


def lane_ensure(
    s: Statement, agents: Sequence[int], classes: Sequence[str], batches: Sequence[int], places: Sequence[int]
) -> list[Row]:
    [installation] = s.rows("installation")
    for agent_id, lane_class, batch_id, place_id in zip(agents, classes, batches, places, strict=True):
        agent = s.get("agent", agent_id)
        if agent is not None:
            lane = {
                "lane_id": s.next_id("lane"),
                "shard": agent["account_id"] % installation["shards"],
                "account_id": agent["account_id"],
                "agent_id": agent_id,
                "class": lane_class,
                "batch_id": batch_id,
                "place_id": place_id,
            }
            try:
                s.insert("lane", lane)
            except Conflict:
                continue
    return []


def lane_find(
    s: Statement, agents: Sequence[int], classes: Sequence[str], batches: Sequence[int], places: Sequence[int]
) -> list[Row]:
    wanted = set(zip(agents, classes, batches, places, strict=True))
    return [
        dict(row)
        for row in s.rows("lane")
        if (row["agent_id"], row["class"], row["batch_id"], row["place_id"]) in wanted
    ]


def lane_all(s: Statement) -> list[Row]:
    return [dict(row) for row in sorted(s.rows("lane"), key=lambda row: row["lane_id"])]


def enrol_leads(
    s: Statement, account_id: int, agent_id: int, batch_id: int | None, now: datetime, *columns: Sequence[Any]
) -> list[Row]:
    made = []
    for values in sorted(zip(*columns, strict=True), key=lambda row: row[0]):
        row = dict(zip(ENROLLED, values, strict=True))
        if s.get("suppression", (account_id, row["phone"])) is not None:
            continue
        appointment_at = row.pop("appointment_at_ms")
        lead = {
            **row,
            "lead_id": s.next_id("lead"),
            "account_id": account_id,
            "agent_id": agent_id,
            "batch_id": batch_id,
            "appointment_at": None if appointment_at is None else to_datetime(appointment_at),
            "tags": row["tags"].split("\x1f") if row["tags"] else [],
            "attempts_count": 0,
            "contacted_at": None,
            "contacts": [],
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        try:
            s.insert("lead", lead)
        except Conflict:
            continue
        made.append({"lead_id": lead["lead_id"], "phone": lead["phone"]})
    return made


ENROLLED = (
    *("phone", "external_id", "name", "email", "timezone", "region", "place_id", "priority"),
    *("appointment_at_ms", "consent", "tags", "variables", "status"),
)


def enrol_loops(
    s: Statement,
    account_id: int,
    agent_id: int,
    batch_id: int,
    policy_version: int,
    now: datetime,
    *columns: Sequence[Any],
) -> list[Row]:
    made = []
    for values in zip(*columns, strict=True):
        row = dict(zip(STARTED, values, strict=True))
        over = row["end_reason"] is not None
        loop = {
            **row,
            "loop_id": s.next_id("loop"),
            "account_id": account_id,
            "agent_id": agent_id,
            "batch_id": batch_id,
            "policy_version": policy_version,
            "started_at": now,
            "status": "ended" if over else "scheduled",
            "next_at": _at(row.pop("next_at_ms")),
            "open_until": _at(row.pop("open_until_ms")),
            "ended_at": now if over else None,
            "run": 1,
            **dict.fromkeys(("step", "attempts", "consecutive_errors", "postponed"), 0),
            "history": [],
        }
        del loop["next_at_ms"], loop["open_until_ms"]
        s.insert("loop", loop)
        made.append({"lead_id": loop["lead_id"], "loop_id": loop["loop_id"]})
    return made


STARTED = (
    *("lead_id", "lead_version", "lane_id", "next_at_ms", "open_until_ms", "next_kind", "next_step"),
    *("next_channel", "why", "end_reason", "held"),
)


def enrol_suppressed(s: Statement, account_id: int, phones: Sequence[str]) -> list[Row]:
    return [{"phone": phone} for phone in phones if s.get("suppression", (account_id, phone)) is not None]


def enrol_lock(
    s: Statement, account_id: int, phones: Sequence[str], external_ids: Sequence[str]
) -> list[Row]:
    meant = sorted(
        row["lead_id"]
        for row in s.rows("lead")
        if row["account_id"] == account_id and (row["phone"] in phones or row["external_id"] in external_ids)
    )
    return [{"lead_id": lead_id} for lead_id in meant if s.lock("lead", lead_id) is not None]


def enrol_read(s: Statement, lead_ids: Sequence[int]) -> list[Row]:
    found = []
    for lead in s.rows("lead"):
        if lead["lead_id"] in lead_ids:
            loops = [row for row in s.rows("loop") if row["lead_id"] == lead["lead_id"]]
            active = next((row for row in loops if row["status"] != "ended"), {})
            row = {name: lead[name] for name in KNOWN}
            loop = {"loop_id": active.get("loop_id"), "next_at": active.get("next_at")}
            found.append({**row, **loop, "enrolled": bool(loops)})
    return found


KNOWN = (
    *("lead_id", "external_id", "phone", "name", "email", "timezone", "region", "place_id", "priority"),
    *("agent_id", "batch_id", "appointment_at", "consent", "tags", "variables", "status", "contacts"),
    "version",
)

# -- settings, gates, routes -------------------------------------------------------------------------


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
                    "account_paused": account["paused"],
                    "agent_paused": agent["paused"],
                    "no_call_dates": [],
                    "no_call_labels": [],
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


# -- services ----------------------------------------------------------------------------------------


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


def attempt_lookups(s: Statement, attempt_ids: Sequence[int]) -> list[Row]:
    names = ("attempt_id", "permit", "state", "armed_at", "provider_call_id")
    return [
        {name: row[name] for name in names}
        for row in s.rows("attempt")
        if row["attempt_id"] in attempt_ids and row["state"] in LIVE
    ]


# -- people ------------------------------------------------------------------------------------------


def audit_write(
    s: Statement,
    account_id: int,
    actor: str,
    action: str,
    object_: str,
    before: str | None,
    after: str | None,
    request_id: str | None,
    now: datetime,
) -> list[Row]:
    row = {"account_id": account_id, "actor": actor, "action": action, "object": object_, "at": now}
    s.insert("audit", {"audit_id": s.next_id("audit"), **row})
    return []


def opt_out_lock(s: Statement, account_id: int, phone: str) -> list[Row]:
    return [
        {"lead_id": row["lead_id"]}
        for row in s.rows("lead")
        if row["account_id"] == account_id
        and row["phone"] == phone
        and s.lock("lead", row["lead_id"]) is not None
    ]


def opt_out_end(s: Statement, lead_id: int, now: datetime) -> list[Row]:
    lead = s.lock("lead", lead_id)
    if lead is None:
        return []
    s.update("lead", lead, status="opted_out", version=lead["version"] + 1, updated_at=now)
    ended = []
    for seen in s.rows("loop"):
        if seen["lead_id"] != lead_id or seen["status"] == "ended":
            continue
        loop, lane = s.lock("loop", seen["loop_id"]), s.get("lane", seen["lane_id"])
        if loop is None or lane is None or loop["status"] == "ended":
            continue
        s.update("loop", loop, status="ended", end_reason="dnc", ended_at=now, next_at=None, open_until=None)
        ended.append({"loop_id": loop["loop_id"], "lane_id": loop["lane_id"], "shard": lane["shard"]})
    return ended


def opt_out_live(s: Statement, account_id: int, phone: str) -> list[Row]:
    leads = {row["lead_id"] for row in s.rows("lead") if row["phone"] == phone}
    return [
        {name: row[name] for name in ("attempt_id", "state", "provider_call_id")}
        for row in s.rows("attempt")
        if row["lead_id"] in leads and row["account_id"] == account_id and row["state"] in LIVE
    ]


def pause_state(s: Statement, kind: str, account_id: int, id_: int) -> list[Row]:
    account = s.get("account", account_id)
    if kind != "account" or account is None or account_id != id_:
        return []
    names = ("paused", "pause_reason", "version")
    return [{**{name: account[name] for name in names}, "over": False}]


def pause_account(s: Statement, account_id: int, id_: int, reason: str | None, now: datetime) -> list[Row]:
    account = s.lock("account", account_id)
    if account is None or account_id != id_:
        return []
    s.update(
        "account", account, paused=True, pause_reason=reason, version=account["version"] + 1, updated_at=now
    )
    return [{name: account[name] for name in ("paused", "pause_reason")}]


def pause_lift_account(s: Statement, account_id: int, id_: int, version: int, now: datetime) -> list[Row]:
    account = s.lock("account", account_id)
    if account is None or not account["paused"] or account["version"] != version:
        return []
    s.update("account", account, paused=False, pause_reason=None, version=version + 1, updated_at=now)
    return [{"version": version + 1}]


def pause_overdue(
    s: Statement,
    account_id: int,
    agent_id: int | None,
    batch_id: int | None,
    now: datetime,
    room: timedelta,
    after_at: datetime,
    after_loop: int,
    limit: int,
) -> list[Row]:
    overdue = []
    for loop in s.rows("loop"):
        lane = s.get("lane", loop["lane_id"])
        if (
            loop["next_at"] is not None
            and lane is not None
            and not loop["held"]
            and loop["next_at"] < now
            and (loop["next_at"], loop["loop_id"]) > (after_at, after_loop)
            and loop["account_id"] == account_id
            and agent_id in (None, loop["agent_id"])
            and batch_id in (None, loop["batch_id"])
            and loop["open_until"] - room > now
            and lane["class"] != "live"
        ):
            overdue.append({name: loop[name] for name in ("lead_id", "loop_id", "next_at")})
    overdue = sorted(overdue, key=lambda row: (row["next_at"], row["loop_id"]))[:limit]
    overdue.sort(key=lambda row: row["lead_id"])
    return [row for row in overdue if s.lock("lead", row["lead_id"]) is not None]


def pause_spread(
    s: Statement,
    loop_ids: Sequence[int],
    now: datetime,
    room: timedelta,
    spread: timedelta,
    detail: str,
    first: int,
) -> list[Row]:
    """Where each moves; the line that it adds to `why` is left out."""
    overdue = [
        row
        for row in s.rows("loop")
        if row["loop_id"] in loop_ids
        and row["next_at"] is not None
        and row["next_at"] < now
        and row["open_until"] - room > now
    ]
    overdue.sort(key=lambda row: (row["next_at"], row["loop_id"]))
    moved = []
    for number, seen in enumerate(overdue, start=1):
        stretch = min(spread, seen["open_until"] - room - now)
        next_at = now + stretch * float((first + number) * GOLDEN % 1)
        next_at = next_at.replace(microsecond=next_at.microsecond // 1000 * 1000)
        loop, lane = s.lock("loop", seen["loop_id"]), s.get("lane", seen["lane_id"])
        if loop is None or lane is None or loop["next_at"] is None:
            continue
        s.update("loop", loop, next_at=next_at)
        moved.append(
            {"loop_id": loop["loop_id"], "lane_id": loop["lane_id"], "shard": lane["shard"],
             "next_at": next_at, "was_at": seen["next_at"]}
        )  # fmt: skip
    return moved


def _at(ms: Ms | None) -> datetime | None:
    return None if ms is None else to_datetime(ms)
