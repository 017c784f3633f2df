"""Rows of the ledger as objects of the API."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Raw

from api import schemas, schemas_leads
from api.instants import local, utc, utc_ms, utc_or_none
from scheduler.domain.model import Why
from scheduler.flow.throttle import read_throttle
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms
from scheduler.public_ids import PublicIds

_STATUS_OF_STATE = {
    "armed": "initiated",
    "accepted": "initiated",
    "unknown": "initiated",
    "ringing": "ringing",
    "in_call": "in_progress",
    "done": "ended",
    "canceled": "canceled",
    "skipped": "skipped",
}
_INSTANTS_OF_ATTEMPT = ("armed_at", "dispatched_at", "answered_at", "ended_at", "amended_at")
_CHANNEL_WORDS = {"call": "Call", "sms": "Text", "email": "Mail", "voicemail_drop": "Voicemail"}

_why_lines = msgspec.json.Decoder(list[Why])


def lead(row: Row, ids: PublicIds) -> schemas_leads.Lead:
    """A row of `read_leads`."""
    zone = zone_of(row)
    return schemas_leads.Lead(
        id=ids.write("lead", row["lead_id"]),
        object="lead",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        external_id=row["external_id"],
        phone=row["phone"],
        name=row["name"],
        email=row["email"],
        timezone=row["timezone"],
        region=row["region"],
        appointment_at=utc_or_none(row["appointment_at"]),
        appointment_at_local=local(row["appointment_at"], zone),
        priority=row["priority"],
        agent_id=ids.write_or_none("agt", row["agent_id"]),
        batch_id=ids.write_or_none("bat", row["batch_id"] or None),
        consent=_consent(row["consent"]),
        tags=list(row["tags"]),
        variables=_raw(row["variables"]),
        status=row["status"],
        timezone_source=row["source"],
        local_timezone=zone,
        attempts_count=row["attempts_count"],
        contacted_at=utc_or_none(row["contacted_at"]),
        contacted_at_local=local(row["contacted_at"], zone),
        next_attempt=next_attempt(row),
        why=why(row["why"]) if row["next_at"] is not None else [],
    )


def next_attempt(row: Row) -> schemas_leads.NextAttempt | None:
    """What the active loop of a `read_leads` row has planned."""
    if row["next_at"] is None:
        return None
    words = f"{_CHANNEL_WORDS.get(row['next_channel'], 'Contact')} {row['attempts'] + 1}"
    if row["next_kind"] == "callback":
        words = f"Callback ({words[0].lower()}{words[1:]})"
    if row["cadence_name"] is not None:
        words += f" of {row['cadence_name']} v{row['cadence_version']}"
    return schemas_leads.NextAttempt(
        at=utc(row["next_at"]),
        at_local=local(row["next_at"], zone_of(row)),
        channel=row["next_channel"],
        step=row["next_step"] + 1,
        headline=words,
    )


def why(encoded: str | None) -> list[schemas.WhyLine]:
    """A `why` column, its instants as texts."""
    if encoded is None:
        return []
    return [
        schemas.WhyLine(
            line.rule, line.effect, utc_ms(line.from_at), utc_ms(line.to_at), line.detail, line.ref or None
        )
        for line in _why_lines.decode(encoded)
    ]


def attempt(row: Row, zone: str, ids: PublicIds) -> schemas.Attempt:
    """One contact that has begun."""
    sent_at = row["dispatched_at"]
    return schemas.Attempt(
        id=ids.write("att", row["attempt_id"]),
        object="attempt",
        created_at=utc(row["armed_at"]),
        updated_at=utc(max(row[name] for name in _INSTANTS_OF_ATTEMPT if row[name] is not None)),
        loop_id=ids.write("loop", row["loop_id"]),
        lead_id=ids.write("lead", row["lead_id"]),
        agent_id=ids.write("agt", row["agent_id"]),
        batch_id=ids.write_or_none("bat", row["batch_id"] or None),
        cadence_id=ids.write_or_none("cad", row["cadence_id"]),
        cadence_version=row["cadence_version"],
        step=row["step"] + 1,
        number=row["n"],
        kind=row["kind"],
        channel=row["channel"],
        status=_STATUS_OF_STATE[row["state"]],
        why=why(row["why"]),
        planned_at=utc(row["due_at"]),
        due_at=utc(row["due_at"]),
        due_at_local=local(row["due_at"], zone),
        dispatched_at=utc_or_none(sent_at),
        dispatched_at_local=local(sent_at, zone),
        dispatch_lag_ms=None if sent_at is None else to_ms(sent_at) - to_ms(row["due_at"]),
        answered_at=utc_or_none(row["answered_at"]),
        ended_at=utc_or_none(row["ended_at"]),
        outcome=row["outcome"],
        disposition=row["disposition"],
        talk_s=row["talk_s"],
        caller_id=row["caller_id"],
        provider=row["provider"],
        provider_call_id=row["provider_call_id"],
        error=row["error"],
    )


def planned_attempt(row: Row, ids: PublicIds, now: datetime) -> schemas.Attempt | None:
    """The plan in the active loop of a `read_leads` row: planned, or due once its time has come."""
    if row["next_at"] is None:
        return None
    due = row["next_at"] <= now
    return schemas.Attempt(
        id=None,
        object="attempt",
        created_at=None,
        updated_at=None,
        loop_id=ids.write("loop", row["loop_id"]),
        lead_id=ids.write("lead", row["lead_id"]),
        agent_id=ids.write("agt", row["loop_agent_id"]),
        batch_id=ids.write_or_none("bat", row["batch_id"] or None),
        cadence_id=ids.write_or_none("cad", row["cadence_id"]),
        cadence_version=row["cadence_version"],
        step=row["next_step"] + 1,
        number=row["attempts"] + 1,
        kind=row["next_kind"],
        channel=row["next_channel"],
        status="due" if due else "planned",
        why=why(row["why"]),
        planned_at=utc(row["next_at"]),
        due_at=utc(row["next_at"]),
        due_at_local=local(row["next_at"], zone_of(row)),
    )


def throttle(encoded: str) -> schemas.Throttle:
    said = read_throttle(encoded)
    return schemas.Throttle(
        said.max_per_min, said.max_concurrent, utc_or_none(said.start_at), said.spread_over_s
    )


def batch_head(row: Row, ids: PublicIds) -> schemas.BatchHead:
    return schemas.BatchHead(
        id=ids.write("bat", row["batch_id"]),
        object="batch",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        priority=row["priority"],
        agent_id=ids.write("agt", row["agent_id"]),
        cadence_id=ids.write_or_none("cad", row["cadence_id"]),
        throttle=throttle(row["throttle"]),
        status=row["status"],
    )


def batch(row: Row, ids: PublicIds) -> schemas.Batch:
    return schemas.Batch(
        id=ids.write("bat", row["batch_id"]),
        object="batch",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        priority=row["priority"],
        agent_id=ids.write("agt", row["agent_id"]),
        cadence_id=ids.write_or_none("cad", row["cadence_id"]),
        throttle=throttle(row["throttle"]),
        status=row["status"],
        counts=schemas.BatchCounts(
            leads=row["leads"],
            untouched=row["untouched"],
            in_progress=row["in_progress"],
            reached=row["reached"],
            converted=row["converted"],
            exhausted=row["exhausted"],
            suppressed=row["suppressed"],
        ),
        first_touch_done_rate=None if row["leads"] == 0 else round(row["touched"] / row["leads"], 4),
    )


def zone_of(row: Row) -> str:
    """Whose clock a lead's local twins show: the stated zone, else one that its number implies, else the
    account's."""
    own = row["own_zones"]
    return str(own[0]) if own else str(row["account_timezone"])


def _raw(text: str) -> Raw:
    return Raw(text.encode())


def _consent(text: str | None) -> schemas_leads.Consent | None:
    """What nothing was said of is shown as well."""
    if text is None:
        return None
    said = msgspec.json.decode(text)
    return schemas_leads.Consent(
        said.get("basis", ""), said.get("captured_at"), said.get("source", ""), said.get("expires_at")
    )
