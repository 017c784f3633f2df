"""Leads as they are answered, field by field."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from api.schemas import Attempt, WhyLine
from api.schemas_jobs import Job


class NextAttempt(msgspec.Struct):
    at: str
    at_local: str | None
    channel: str
    step: int
    headline: str


class Consent(msgspec.Struct):
    basis: str
    captured_at: str | None
    source: str
    expires_at: str | None


class Lead(msgspec.Struct):
    """`why`: how the next attempt came to its instant; empty when none is planned."""

    id: str
    object: str
    created_at: str
    updated_at: str
    external_id: str | None
    phone: str
    name: str
    email: str
    timezone: str | None
    region: str | None
    appointment_at: str | None
    appointment_at_local: str | None
    priority: str
    agent_id: str | None
    batch_id: str | None
    consent: Consent | None
    tags: list[str]
    variables: Raw
    status: str
    timezone_source: str
    local_timezone: str
    attempts_count: int
    contacted_at: str | None
    contacted_at_local: str | None
    next_attempt: NextAttempt | None
    why: list[WhyLine]


class TimelineEntry(msgspec.Struct, omit_defaults=True):
    """What happened, or will: `kind` is lead_created, loop_started, attempt, signal, loop_ended,
    planned."""

    kind: str
    at: str
    at_local: str | None
    detail: str = ""
    attempt: Attempt | None = None
    loop_id: str | None = None
    end_reason: str | None = None


class Blocker(msgspec.Struct):
    """Why the lead may not be called at this instant; `until_at`: when that ends, if it is known."""

    rule: str
    detail: str
    until_at: str | None = None


class Explain(msgspec.Struct):
    lead_id: str
    at: str
    callable_now: bool
    blockers: list[Blocker]
    next_attempt: NextAttempt | None
    why: list[WhyLine]


class Signal(msgspec.Struct):
    """A sign of life; it never changes. `quiet_until_at`: nothing automatic comes before; null when it stops
    nothing."""

    id: str
    object: str
    created_at: str
    updated_at: str
    lead_id: str
    kind: str
    channel: str | None
    at: str
    quiet_until_at: str | None


class WaitingLead(msgspec.Struct):
    """A lead that waits for a person of ours. `reason`: signal (nobody has answered its sign of life), result
    (what came of a call is owed), postponed (it put off too many calls). `until_at`: when the schedule goes
    on by itself, null when it does not."""

    reason: str
    since_at: str | None
    until_at: str | None
    lead: Lead


class ActionImpact(msgspec.Struct):
    """What an action would do: `matched` leads, of which it `changes` so many; told by the first
    `examined` of them, for all where `estimated`."""

    matched: int
    changes: int
    examined: int
    estimated: bool


class ActionsReply(msgspec.Struct):
    """`job`: null for a dry run."""

    impact: ActionImpact
    job: Job | None
