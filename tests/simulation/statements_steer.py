"""What the statements of people who steer do: opt-outs, pauses, the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from tests.simulation.schema import LIVE
from tests.simulation.tables import Row, Statement

GOLDEN = Decimal("0.6180339887498949")


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
    address: str | None = None,
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
