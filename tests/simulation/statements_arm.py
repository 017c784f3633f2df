"""What the statements of the arm, and of planning anew, do: one function a statement, named like it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.simulation.schema import LIVE, WAITING
from tests.simulation.tables import Conflict, Row, Statement


def arm_lock(s: Statement, loop_ids: Sequence[int], lock: int, shards: Sequence[int]) -> list[Row]:
    for shard in shards:
        s.advise_shared((lock, shard))
    leads = {row["lead_id"] for row in s.rows("loop") if row["loop_id"] in loop_ids}
    return [{"lead_id": lead_id} for lead_id in sorted(leads) if s.lock("lead", lead_id) is not None]


def arm_attempts(
    s: Statement,
    loop_ids: Sequence[int],
    due_ats: Sequence[datetime],
    now: datetime,
    permit: UUID,
    worker: str,
    close_margin: timedelta,
    revision: str,
    caller_ids: Sequence[str | None] | None,
    caller_id_days: Sequence[Any] | None,
    shards: Sequence[int] | None,
    epochs: Sequence[str | None] | None,
    seen_beat: int = 0,
    mark_attempt: int = 0,
    mark_loop: int = 0,
) -> list[Row]:
    """No ledger is put back here: the beat and the mark are there."""
    armed, refused = [], []
    nowhere = [None] * len(loop_ids)
    for loop_id, due_at, shard, epoch in zip(
        loop_ids, due_ats, shards or nowhere, epochs or nowhere, strict=True
    ):
        loop = s.get("loop", loop_id)
        if loop is None:
            continue
        lead, agent = s.get("lead", loop["lead_id"]), s.get("agent", loop["agent_id"])
        account = s.get("account", loop["account_id"])
        assert lead is not None
        assert agent is not None
        assert account is not None
        closes = loop["open_until"]
        not_after = None if closes is None else closes - close_margin
        row = {
            "loop_id": loop_id,
            "refusal": next(
                reasons(s, loop, lead, agent, account, due_at, now, not_after, shard, epoch), None
            ),
            "attempt_id": None,
            "n": loop["attempts"] + 1,
            "phone": None,
            "channel": loop["next_channel"],
            "due_at": due_at,
            "not_after": not_after,
            "lane_id": loop["lane_id"],
            "account_id": loop["account_id"],
            "agent_id": loop["agent_id"],
            "batch_id": loop["batch_id"],
            "caller_id": None,
            "simulated": None,
            **dict.fromkeys(("cadence_id", "cadence_version", "step", "lead_name", "variables")),
        }
        if row["refusal"] is not None:
            refused.append(row)
            continue
        attempt = _write_attempt(s, loop, agent, row, now, permit, revision)
        if attempt is None:
            continue
        s.insert(
            "arm",
            {
                "attempt_id": attempt["attempt_id"],
                "permit": permit,
                "armed_at": now,
                "not_after": not_after,
                "worker": worker,
            },
        )
        current = s.lock("loop", loop_id)
        if current is not None and current["status"] in WAITING:
            s.update("loop", current, status="dialing", next_at=None, held=False)
        armed.append(
            {
                **row,
                "attempt_id": attempt["attempt_id"],
                "phone": lead["phone"],
                "step": attempt["step"],
                "simulated": account["simulated"],
            }
        )
    return armed + refused


def reasons(
    s: Statement,
    loop: Row,
    lead: Row,
    agent: Row,
    account: Row,
    due_at: datetime,
    now: datetime,
    not_after: datetime | None,
    shard: int | None,
    epoch: str | None,
) -> Iterator[str]:
    """All that forbids to arm this loop now, in the order of the statement's CASE: the first one counts."""
    if loop["status"] not in WAITING or loop["next_at"] != due_at:
        yield "in_call" if _live(s, loop["lead_id"], loop["loop_id"]) else "stale"
    wheel = s.get("wheel_epoch", shard)
    if epoch is not None and wheel is not None and wheel["epoch"] != epoch:
        yield "lost"
    if s.get("suppression", (loop["account_id"], lead["phone"])) is not None:
        yield "dnc"
    if account["paused"]:
        yield "account_paused"
    if agent["paused"]:
        yield "agent_paused"
    if loop["policy_version"] != agent["policy_version"] or loop["lead_version"] != lead["version"]:
        yield "outdated"
    if loop["next_at"] is None or loop["next_at"] > now:
        yield "early"
    if not_after is not None and not_after < now:
        yield "closed"
    if _live(s, loop["lead_id"]):
        yield "lead_busy"


def _live(s: Statement, lead_id: int, loop_id: int | None = None) -> bool:
    return any(
        row["lead_id"] == lead_id and row["state"] in LIVE and loop_id in (None, row["loop_id"])
        for row in s.rows("attempt")
    )


def _write_attempt(
    s: Statement, loop: Row, agent: Row, row: Row, now: datetime, permit: UUID, revision: str
) -> Row | None:
    """Insert the attempt, or take the one of that number that was never sent; None where neither may be."""
    armed = {
        "lane_id": loop["lane_id"],
        "step": loop["next_step"],
        "kind": loop["next_kind"],
        "channel": loop["next_channel"],
        "state": "armed",
        "due_at": row["due_at"],
        "armed_at": now,
        "not_after": row["not_after"],
        "permit": permit,
        "why": loop["why"],
        "rules_revision": revision,
        "policy_version": agent["policy_version"],
        "caller_id": None,
        "caller_id_day": None,
        "cadence_id": loop["cadence_id"],
        "cadence_version": loop["cadence_version"],
        "error": None,
    }
    new = {
        "attempt_id": s.next_id("attempt"),
        "loop_id": loop["loop_id"],
        "lead_id": loop["lead_id"],
        "account_id": loop["account_id"],
        "agent_id": loop["agent_id"],
        "batch_id": loop["batch_id"],
        "n": row["n"],
        **dict.fromkeys(("dispatched_at", "answered_at", "ended_at", "talk_s", "outcome", "disposition")),
        **dict.fromkeys(("callback_at", "provider", "provider_call_id")),
        **armed,
    }
    try:
        s.insert("attempt", new)
    except Conflict as conflict:
        if conflict.index != "attempt_loop_n":
            raise
        before = s.lock("attempt", conflict.key)
        if before is None or before["state"] != "not_sent":
            return None
        return s.update("attempt", before, **armed)
    return new


def arm_in_doubt(s: Statement, loop_ids: Sequence[int], permits: Sequence[UUID]) -> list[Row]:
    return [
        {name: row[name] for name in ("attempt_id", "loop_id", "permit")}
        for row in s.rows("attempt")
        if row["loop_id"] in loop_ids and row["permit"] in permits and row["state"] in ("armed", "unknown")
    ]


def replan_read(s: Statement, loop_ids: Sequence[int]) -> list[Row]:
    found = []
    for loop in s.rows("loop"):
        if loop["loop_id"] not in loop_ids or loop["status"] not in WAITING:
            continue
        lead, agent = s.get("lead", loop["lead_id"]), s.get("agent", loop["agent_id"])
        assert lead is not None
        assert agent is not None
        own = [row for row in s.rows("attempt") if row["loop_id"] == loop["loop_id"]]
        last = next((row for row in own if row["n"] == loop["attempts"]), {})
        found.append(
            {
                **{name: loop[name] for name in LOOP_FACTS},
                "started_at": loop["started_at"],
                **{name: lead[name] for name in LEAD_FACTS},
                "consent_said": lead["consent"],
                "lead_version": lead["version"],
                "policy_version": agent["policy_version"],
                **dict.fromkeys(NO_CADENCE),
                "in_turn": False,
                **{name: last.get(name) for name in RESULT},
                "blocked": sum(row["outcome"] == "number_blocked" for row in own),
            }
        )
    return found


LOOP_FACTS = (
    *("loop_id", "agent_id", "batch_id", "lane_id", "run", "step", "consecutive_errors", "postponed"),
    *("history", "next_at", "account_id", "cadence_id", "cadence_version", "trail", "once"),
    *("asked", "asked_at"),
)
NO_CADENCE = ("follows", "follows_status", "follows_version", "appointment_at", "tags", "variables")
"""Loops of the simulation follow none."""

LEAD_FACTS = ("lead_id", "external_id", "phone", "place_id", "priority", "contacts", "quiet_until")
RESULT = ("outcome", "ended_at", "kind", "disposition", "callback_at", "error")


def loop_replan(s: Statement, loop_ids: Sequence[int], *columns: Any) -> list[Row]:
    lists, now = [*columns[:12], *columns[13:]], columns[12]
    for loop_id, *values in zip(loop_ids, *lists, strict=True):
        seen = s.get("loop", loop_id)
        if seen is None or seen["status"] not in WAITING:
            continue
        loop = s.lock("loop", loop_id)
        if loop is None or loop["status"] not in WAITING:
            continue
        status, lane_id, next_at, open_until, kind, step, channel, why = values[:8]
        policy_version, lead_version, end_reason, lead_status, cadence_id, version, run, trail = values[8:]
        s.update(
            "loop", loop, status=status, lane_id=lane_id, next_at=next_at, open_until=open_until, held=False,
            next_kind=kind, next_step=step, next_channel=channel, why=why, policy_version=policy_version,
            lead_version=lead_version, end_reason=end_reason, ended_at=now if end_reason else None,
            cadence_id=cadence_id, cadence_version=version, run=run, trail=trail,
        )  # fmt: skip
        _set_lead_status(s, loop["lead_id"], lead_status, now)
    return []


def loop_end(
    s: Statement, loop_ids: Sequence[int], end_reason: str, lead_status: str, now: datetime
) -> list[Row]:
    for loop_id in loop_ids:
        seen = s.get("loop", loop_id)
        if seen is None or seen["status"] not in WAITING:
            continue
        loop = s.lock("loop", loop_id)
        if loop is None or loop["status"] not in WAITING:
            continue
        s.update(
            "loop", loop, status="ended", end_reason=end_reason, ended_at=now, next_at=None, open_until=None
        )
        _set_lead_status(s, loop["lead_id"], lead_status, now)
    return []


def _set_lead_status(s: Statement, lead_id: int, status: str, now: datetime) -> None:
    lead = s.lock("lead", lead_id)
    if lead is not None and lead["status"] != status:
        s.update("lead", lead, status=status, updated_at=now)
