"""Objects of the API as types: what is answered, field by field, and what is taken.

Names, order and meaning follow the contract; what this version does not know yet is left out, not invented.
Instants are texts made by `api.instants`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw

T = TypeVar("T")

Line = Annotated[str, Meta(max_length=500)]
Limit = Annotated[int, Meta(ge=1, le=200)]
Id = Annotated[str, Meta(max_length=32)]
LeadStatus = Literal[
    "new", "active", "reached", "converted", "exhausted", "unreachable", "opted_out", "closed"
]


class Page(msgspec.Struct, Generic[T]):
    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


class Account(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    timezone: str
    windows: Raw
    live_after_hours: bool
    strict: bool
    max_concurrent: int | None
    max_dials_per_s: float | None
    frequency_caps: Raw
    jitter_max_s: int
    paused: bool
    pause_reason: str | None


class Agent(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    voice: str
    timezone: str | None
    windows: Raw | None
    auto_dialer: Raw
    paused: bool


class WhyLine(msgspec.Struct):
    """One line of the answer to "why then?"."""

    rule: str
    effect: str
    from_at: str | None
    to_at: str | None
    detail: str
    ref: str | None


class NextAttempt(msgspec.Struct):
    at: str
    at_local: str | None
    channel: str
    step: int
    headline: str


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
    consent: Raw | None
    tags: list[str]
    variables: Raw
    status: str
    timezone_source: str
    attempts_count: int
    contacted_at: str | None
    contacted_at_local: str | None
    next_attempt: NextAttempt | None
    why: list[WhyLine]


class Attempt(msgspec.Struct):
    """`id` is null while the attempt is only planned; instants it has not reached are null."""

    id: str | None
    object: str
    loop_id: str
    lead_id: str
    agent_id: str
    batch_id: str | None
    step: int
    number: int
    kind: str
    channel: str
    status: str
    why: list[WhyLine]
    planned_at: str | None = None
    due_at: str | None = None
    due_at_local: str | None = None
    dispatched_at: str | None = None
    dispatched_at_local: str | None = None
    dispatch_lag_ms: int | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    outcome: str | None = None
    disposition: str | None = None
    talk_s: int | None = None
    caller_id: str | None = None
    provider: str | None = None
    provider_call_id: str | None = None
    error: str | None = None


class TimelineEntry(msgspec.Struct, omit_defaults=True):
    """What happened, or will: `kind` is lead_created, loop_started, attempt, loop_ended or planned."""

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


class BatchCounts(msgspec.Struct):
    """`leads` is the sum of the others."""

    leads: int
    untouched: int
    in_progress: int
    reached: int
    converted: int
    exhausted: int
    suppressed: int


class Batch(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    priority: str
    agent_id: str
    throttle: Raw
    status: str
    counts: BatchCounts
    first_touch_done_rate: float | None


class Import(msgspec.Struct):
    """rows = created + updated + unchanged + duplicate + suppressed + rejected."""

    id: str
    object: str
    created_at: str
    updated_at: str
    batch_id: str
    status: str
    bytes: int
    rows: int
    created: int
    updated: int
    unchanged: int
    duplicate: int
    suppressed: int
    rejected: int
    errors_url: str


class ShardDepth(msgspec.Struct):
    shard: int
    depth: int
    held: int
    overdue: int
    in_flight: int
    leased: int
    lanes: int


class Wheel(msgspec.Struct):
    """How full the wheel is: attempts within the horizon; of these `held` by hours or a pause, and `overdue`;
    `in_flight` calls under way; `leased` by dialers at this moment."""

    object: str
    at: str
    depth: int
    held: int
    overdue: int
    in_flight: int
    leased: int
    shards: list[ShardDepth]


class DncEntry(msgspec.Struct):
    """A phone that this account never calls; `effective_at` is when that was certain."""

    id: str
    object: str
    created_at: str
    phone: str
    reason: str
    source: str
    effective_at: str


# what is taken


class ConsentIn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    basis: Annotated[str, Meta(min_length=1, max_length=100)]
    captured_at: Annotated[datetime, Meta(tz=True)] | None = None
    source: Line = ""
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class LeadIn(msgspec.Struct, forbid_unknown_fields=True):
    phone: Annotated[str, Meta(max_length=64)]
    external_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    name: Line = ""
    email: Line = ""
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    region: Annotated[str, Meta(max_length=64)] | None = None
    appointment_at: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Literal["live", "bulk"] = "bulk"
    agent_id: Id | None = None
    batch_id: Id | None = None
    consent: ConsentIn | None = None
    tags: Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=100)] = []
    variables: dict[str, Any] = {}


class LeadFilterIn(msgspec.Struct, forbid_unknown_fields=True):
    phone: Annotated[str, Meta(max_length=64)] | None = None
    external_id: Annotated[str, Meta(max_length=255)] | None = None
    email: Line | None = None
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    status: LeadStatus | list[LeadStatus] | None = None
    agent_id: Id | None = None
    batch_id: Id | None = None


class SearchIn(msgspec.Struct, forbid_unknown_fields=True):
    filter: LeadFilterIn = msgspec.field(default_factory=LeadFilterIn)
    limit: Limit = 50
    cursor: Id | None = None


class ListQuery(msgspec.Struct, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Id | None = None
    order: Literal["asc", "desc"] = "asc"


class PauseIn(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class ResumeIn(msgspec.Struct, forbid_unknown_fields=True):
    spread_over_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None


class DncIn(msgspec.Struct, forbid_unknown_fields=True):
    phone: Annotated[str, Meta(max_length=64)]
    reason: Line = ""


class ImportQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`map.<column>=<field>` is read before these."""

    agent_id: Id | None = None
    batch_id: Id | None = None
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    priority: Literal["live", "bulk"] = "bulk"
    on_duplicate: Literal["update", "skip", "reject"] = "update"
    region: Annotated[str, Meta(max_length=64)] | None = None
    consent: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    max_per_min: Annotated[float, Meta(gt=0, le=1_000_000)] | None = None
    delimiter: Annotated[str, Meta(min_length=1, max_length=3)] | None = None


class ErrorsQuery(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["csv", "ndjson"] | None = None
