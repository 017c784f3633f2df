"""What the statements of enrolment do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scheduler.domain.time import Ms
from scheduler.ledger.instants import to_datetime
from tests.simulation.tables import Conflict, Row, Statement


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
        del row["mark"]
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
            "quiet_until": None,
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
    *("appointment_at_ms", "consent", "tags", "variables", "status", "mark"),
)


def enrol_loops(
    s: Statement,
    account_id: int,
    agent_id: int,
    batch_id: int,
    policy_version: int,
    now: datetime,
    *columns: Any,
) -> list[Row]:
    made = []
    *lists, cadence_id, cadence_version, cadence_chosen = columns
    for values in zip(*lists, strict=True):
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
            "cadence_id": cadence_id,
            "cadence_version": cadence_version,
            "cadence_chosen": cadence_chosen,
            "trail": None,
            "once": False,
            **dict.fromkeys(("asked", "asked_at")),
        }
        del loop["next_at_ms"], loop["open_until_ms"]
        s.insert("loop", loop)
        made.append({"lead_id": loop["lead_id"], "loop_id": loop["loop_id"]})
    return made


STARTED = (
    *("lead_id", "lead_version", "lane_id", "next_at_ms", "open_until_ms", "next_kind", "next_step"),
    *("next_channel", "why", "end_reason", "held"),
)


def enrol_suppressed(s: Statement, account_id: int, phones: Sequence[str], marks: Sequence[str]) -> list[Row]:
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
            loop = {name: active.get(name) for name in ("loop_id", "next_at", "cadence_id")}
            found.append({**row, **loop, "enrolled": bool(loops)})
    return found


KNOWN = (
    *("lead_id", "external_id", "phone", "name", "email", "timezone", "region", "place_id", "priority"),
    *("agent_id", "batch_id", "appointment_at", "consent", "tags", "variables", "status", "contacts"),
    *("version", "quiet_until"),
)


def _at(ms: Ms | None) -> datetime | None:
    return None if ms is None else to_datetime(ms)
