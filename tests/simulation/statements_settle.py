"""What the statements of settling do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from scheduler.ledger.instants import to_datetime
from tests.simulation.statements_arm import LEAD_FACTS, NO_CADENCE
from tests.simulation.tables import Conflict, Row, Statement

OVER = frozenset({"not_sent", "done", "canceled"})
RANK = ("armed", "unknown", "accepted", "ringing", "in_call")


def settle_lock(s: Statement, attempt_ids: Sequence[int]) -> list[Row]:
    leads = {row["lead_id"] for row in s.rows("attempt") if row["attempt_id"] in attempt_ids}
    return [{"lead_id": lead_id} for lead_id in sorted(leads) if s.lock("lead", lead_id) is not None]


def progress_read(s: Statement, attempt_ids: Sequence[int]) -> list[Row]:
    return [
        {name: row[name] for name in WHOSE} for row in s.rows("attempt") if row["attempt_id"] in attempt_ids
    ]


def settle_read(s: Statement, attempt_ids: Sequence[int]) -> list[Row]:
    found = []
    for attempt in s.rows("attempt"):
        if attempt["attempt_id"] not in attempt_ids:
            continue
        loop, lead = s.get("loop", attempt["loop_id"]), s.get("lead", attempt["lead_id"])
        agent = s.get("agent", attempt["agent_id"])
        assert loop is not None
        assert lead is not None
        assert agent is not None
        own = [row for row in s.rows("attempt") if row["loop_id"] == loop["loop_id"]]
        found.append(
            {
                **{name: attempt[name] for name in ATTEMPT},
                **{name: loop[name] for name in LOOP},
                "lane_id": attempt["lane_id"],
                "loop_status": loop["status"],
                **{name: lead[name] for name in LEAD_FACTS},
                "consent_said": lead["consent"],
                "lead_version": lead["version"],
                "lead_status": lead["status"],
                "policy_version": agent["policy_version"],
                "dialled_step": attempt["step"],
                **dict.fromkeys(NO_CADENCE),
                "blocked": sum(row["outcome"] == "number_blocked" for row in own),
            }
        )
    return found


WHOSE = (
    *("attempt_id", "state", "account_id", "lead_id", "loop_id", "batch_id", "lane_id", "due_at", "armed_at"),
)
ATTEMPT = (
    *("attempt_id", "state", "outcome", "permit", "n", "kind", "due_at", "armed_at", "dispatched_at"),
    "answered_at",
)
LOOP = (
    *("loop_id", "account_id", "agent_id", "batch_id", "run", "step", "consecutive_errors", "postponed"),
    *("history", "started_at", "cadence_id", "cadence_version", "trail", "once", "asked", "asked_at"),
)


def settle_attempts(s: Statement, *columns: Any) -> list[Row]:
    """`columns` as the statement has them, with $11 the provider and $30 now between lists and literals."""
    provider, now = columns[10], columns[29]
    lists = [
        [] if index in (10, 29) else _list(column, index in TEXTS) for index, column in enumerate(columns)
    ]
    lists = [column for index, column in enumerate(lists) if index not in (10, 29)]
    closed = []
    for values in zip(*lists, strict=True):
        new = dict(zip(SETTLED, values, strict=True))
        new |= {name: _at(new[name]) for name in SETTLED_ATS}
        _settle_loop(s, new, now)
        _settle_lead(s, new, now)
        if _settle_attempt(s, new, provider):
            closed.append({"attempt_id": new["attempt_id"]})
    return closed


SETTLED = (
    *("attempt_id", "outcome", "disposition", "ended_at", "answered_at", "talk_s", "error", "callback_at"),
    *("dispatched_at", "provider_call_id", "loop_id", "status", "lane_id", "next_at", "open_until", "kind"),
    *("next_step", "channel", "why", "policy_version", "step", "consecutive_errors", "postponed"),
    *("dialled_at", "end_reason", "lead_id", "lead_status", "contact_at", "cadence_id", "cadence_version"),
    *("run", "trail"),
)
SETTLED_ATS = (
    *("ended_at", "answered_at", "callback_at", "dispatched_at", "next_at", "open_until", "dialled_at"),
    "contact_at",
)
TEXTS = frozenset({1, 2, 6, 9, 12, 16, 18, 19, 25, 27, 33})
"""Columns of names, from 0; all other literals are of numbers."""


def _settle_loop(s: Statement, new: Row, now: datetime) -> None:
    if new["loop_id"] is None:
        return
    lead, loop = s.get("lead", new["lead_id"]), s.lock("loop", new["loop_id"])
    if lead is None or loop is None or loop["status"] != "dialing":
        return
    s.update(
        "loop", loop, status=new["status"], lane_id=new["lane_id"], next_at=new["next_at"],
        open_until=new["open_until"], next_kind=new["kind"], next_step=new["next_step"],
        next_channel=new["channel"], why=new["why"], policy_version=new["policy_version"],
        lead_version=lead["version"] + 1, step=new["step"], attempts=loop["attempts"] + 1,
        consecutive_errors=new["consecutive_errors"], postponed=new["postponed"],
        history=[*loop["history"], new["dialled_at"]], end_reason=new["end_reason"],
        cadence_id=new["cadence_id"], cadence_version=new["cadence_version"], run=new["run"],
        trail=new["trail"],
        ended_at=now if new["end_reason"] else None,
    )  # fmt: skip


def _settle_lead(s: Statement, new: Row, now: datetime) -> None:
    lead = s.lock("lead", new["lead_id"])
    if lead is not None:
        s.update(
            "lead", lead, contacts=[*lead["contacts"], new["contact_at"]][-32:], version=lead["version"] + 1,
            attempts_count=lead["attempts_count"] + 1, status=new["lead_status"],
            contacted_at=new["dialled_at"] or lead["contacted_at"], updated_at=now,
        )  # fmt: skip


def _settle_attempt(s: Statement, new: Row, provider: str) -> bool:
    attempt = s.lock("attempt", new["attempt_id"])
    if attempt is None or attempt["state"] in OVER:
        return False
    s.update(
        "attempt", attempt, state="done", outcome=new["outcome"],
        disposition=new["disposition"] or attempt["disposition"],
        ended_at=new["ended_at"], answered_at=attempt["answered_at"] or new["answered_at"],
        talk_s=new["talk_s"], error=new["error"], callback_at=new["callback_at"],
        dispatched_at=attempt["dispatched_at"] or new["dispatched_at"], provider=provider,
        provider_call_id=attempt["provider_call_id"] or new["provider_call_id"],
    )  # fmt: skip
    return True


def attempt_not_sent(
    s: Statement,
    attempt_ids: Sequence[int],
    permits: Sequence[UUID],
    next_ats: Sequence[datetime],
    errors: Sequence[str | None],
) -> list[Row]:
    back = []
    for attempt_id, permit, next_at, error in zip(attempt_ids, permits, next_ats, errors, strict=True):
        attempt = s.lock("attempt", attempt_id)
        if attempt is None or not takes_back(attempt, permit):
            continue
        s.update("attempt", attempt, state="not_sent", error=error)
        row = {"attempt_id": attempt_id, "loop_id": attempt["loop_id"], "lane_id": None, "next_at": None}
        loop = s.lock("loop", attempt["loop_id"])
        if loop is not None and loop["status"] == "dialing":
            status = "waiting_callback" if attempt["kind"] == "callback" else "scheduled"
            s.update("loop", loop, status=status, next_at=next_at)
            row |= {"lane_id": loop["lane_id"], "next_at": next_at}
        back.append(row)
    return back


def takes_back(attempt: Row, permit: UUID) -> bool:
    """Whether this permit may say that nothing was sent."""
    return attempt["permit"] == permit and attempt["state"] in ("armed", "unknown")


def attempt_progress(
    s: Statement,
    attempt_ids: Sequence[int],
    states: Sequence[str],
    dispatched_ats: Sequence[datetime | None],
    answered_ats: Sequence[datetime | None],
    call_ids: Sequence[str | None],
    provider: str,
    errors: Sequence[str | None],
) -> list[Row]:
    for attempt_id, state, dispatched_at, answered_at, call_id, error in zip(
        attempt_ids, states, dispatched_ats, answered_ats, call_ids, errors, strict=True
    ):
        attempt = s.lock("attempt", attempt_id)
        if attempt is None or attempt["state"] in OVER:
            continue
        s.update(
            "attempt", attempt, state=further(attempt["state"], state),
            dispatched_at=attempt["dispatched_at"] or dispatched_at,
            answered_at=attempt["answered_at"] or answered_at, provider=provider,
            provider_call_id=attempt["provider_call_id"] or call_id, error=error or attempt["error"],
        )  # fmt: skip
    return []


def further(state: str, told: str) -> str:
    return told if RANK.index(told) > RANK.index(state) else state


def attempt_amend(
    s: Statement,
    attempt_ids: Sequence[int],
    outcomes: Sequence[str],
    dispositions: Sequence[str | None],
    ended_ats: Sequence[datetime | None],
    now: datetime,
) -> list[Row]:
    amended = []
    for attempt_id, outcome, disposition, ended_at in zip(
        attempt_ids, outcomes, dispositions, ended_ats, strict=True
    ):
        attempt = s.lock("attempt", attempt_id)
        if attempt is not None and attempt["state"] == "done" and attempt["outcome"] == "unknown":
            s.update(
                "attempt",
                attempt,
                outcome=outcome,
                disposition=disposition,
                ended_at=ended_at,
                amended_at=now,
            )
            amended.append({"attempt_id": attempt_id})
    return amended


def callback_close(s: Statement, lead_ids: Sequence[int], status: str, now: datetime) -> list[Row]:
    for seen in list(s.rows("callback")):
        if seen["lead_id"] not in lead_ids or seen["status"] not in OPEN:
            continue
        row = s.lock("callback", seen["callback_id"])
        if row is not None and row["status"] in OPEN:
            s.update("callback", row, status=status)
    return []


OPEN = ("scheduled", "due")


def callback_asked(
    s: Statement,
    account_ids: Sequence[int],
    lead_ids: Sequence[int],
    loop_ids: Sequence[int],
    attempt_ids: Sequence[int],
    ats: Sequence[datetime],
    source: str,
    now: datetime,
) -> list[Row]:
    made = []
    for account_id, lead_id, loop_id, attempt_id, at in zip(
        account_ids, lead_ids, loop_ids, attempt_ids, ats, strict=True
    ):
        row = {"callback_id": s.next_id("callback"), "account_id": account_id, "lead_id": lead_id}
        s.insert(
            "callback", {**row, "loop_id": loop_id, "attempt_id": attempt_id, "at": at, "status": "scheduled"}
        )
        made.append(row)
    return made


def event_store(
    s: Statement,
    provider: str,
    event_ids: Sequence[str],
    attempt_ids: str,
    kinds: str,
    ats_ms: str,
    now: datetime,
) -> list[Row]:
    kept = []
    literals = _list(attempt_ids, False), _list(kinds, True), _list(ats_ms, False)
    for event_id, attempt_id, kind, at_ms in zip(event_ids, *literals, strict=True):
        try:
            s.insert(
                "provider_event",
                {
                    "provider": provider,
                    "event_id": event_id,
                    "attempt_id": attempt_id,
                    "kind": kind,
                    "at": _at(at_ms),
                    "received_at": now,
                },
            )
        except Conflict:
            continue
        kept.append({"event_id": event_id})
    return kept


def suppression_add(
    s: Statement,
    account_ids: Sequence[int],
    phones: Sequence[str],
    reason: str,
    source: str,
    now: datetime,
    actor: str,
) -> list[Row]:
    for account_id, phone in zip(account_ids, phones, strict=True):
        number = _suppress(s, account_id, phone, reason, source, now)
        if number is not None:
            row = {"account_id": account_id, "actor": actor, "action": "phone_suppressed", "at": now}
            s.insert("audit", {"audit_id": s.next_id("audit"), "object": f"dnc_entry:{number}", **row})
    return []


def opt_out_suppress(
    s: Statement, account_id: int, phone: str, reason: str, source: str, now: datetime
) -> list[Row]:
    number = _suppress(s, account_id, phone, reason, source, now)
    if number is not None:
        told = {"reason": reason, "source": source, "created_at": now}
        return [{"suppression_id": number, "added": True, "said": True, **told}]
    before = s.get("suppression", (account_id, phone))
    if before is None:  # another writer's, committed since this statement began
        return []
    names = ("suppression_id", "reason", "source", "created_at")
    return [{"added": False, "said": False, **{name: before[name] for name in names}}]


def _suppress(
    s: Statement, account_id: int, phone: str, reason: str, source: str, now: datetime
) -> int | None:
    """The number of the row that this made."""
    row = {"account_id": account_id, "phone": phone, "reason": reason, "source": source, "created_at": now}
    number = s.next_id("suppression")
    try:
        s.insert("suppression", {"suppression_id": number, **row})
    except Conflict:
        return None
    return number


def _list(column: Any, texts: bool) -> list[Any]:
    """A column as it was given: a list, or an array literal of numbers or of plain names."""
    if not isinstance(column, str):
        return list(column)
    words = column.strip("{}").split(",") if column != "{}" else []
    return [None if word == "NULL" else word if texts else int(word) for word in words]


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else to_datetime(ms)
