"""What narrows lists of attempts and loops, and results that people report."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.requests import Id, ListQuery
from scheduler.domain.model import EndReason

Ids = Annotated[list[Id], Meta(max_length=50)]
Instant = Annotated[datetime, Meta(tz=True)]
Status = Literal["initiated", "ringing", "in_progress", "ended", "skipped", "canceled"]
Outcome = Literal[
    "completed",
    "voicemail",
    "not_reached",
    "busy",
    "answered",
    "error",
    "invalid_number",
    "number_blocked",
    "unknown",
    "canceled",
]
Channel = Literal["call", "sms", "email", "voicemail_drop"]
LoopStatus = Literal["scheduled", "dialing", "awaiting_result", "waiting_callback", "paused", "ended"]


class AttemptsQuery(ListQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `lead_id`: of one of these leads. `loop_id`: of one of these loops.
    `agent_id`: by one of these agents. `batch_id`: of one of these batches. `cadence_id`: by one of these
    cadences. `status`: in one of these states. `outcome`: with one of these outcomes. `channel`: by one of
    these channels. `due_at.gte`: due then or later. `due_at.lt`: due before that. `dispatched_at.gte`: sent
    then or later. `dispatched_at.lt`: sent before that."""

    order: Literal["asc", "desc"] = "desc"
    lead_id: Ids | None = None
    loop_id: Ids | None = None
    agent_id: Ids | None = None
    batch_id: Ids | None = None
    cadence_id: Ids | None = None
    status: Annotated[list[Status], Meta(max_length=6)] | None = None
    outcome: Annotated[list[Outcome], Meta(max_length=10)] | None = None
    channel: Annotated[list[Channel], Meta(max_length=4)] | None = None
    due_from: Instant | None = msgspec.field(default=None, name="due_at.gte")
    due_until: Instant | None = msgspec.field(default=None, name="due_at.lt")
    dispatched_from: Instant | None = msgspec.field(default=None, name="dispatched_at.gte")
    dispatched_until: Instant | None = msgspec.field(default=None, name="dispatched_at.lt")


class LoopsQuery(ListQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `lead_id`: of one of these leads. `agent_id`: by one of these agents.
    `batch_id`: of one of these batches. `cadence_id`: by one of these cadences. `status`: in one of these
    states. `end_reason`: ended for one of these reasons."""

    order: Literal["asc", "desc"] = "desc"
    lead_id: Ids | None = None
    agent_id: Ids | None = None
    batch_id: Ids | None = None
    cadence_id: Ids | None = None
    status: Annotated[list[LoopStatus], Meta(max_length=6)] | None = None
    end_reason: Annotated[list[EndReason], Meta(max_length=12)] | None = None


class LoopIn(msgspec.Struct, forbid_unknown_fields=True):
    """`agent_id`: the lead's own unless it is named; `cadence_id`: that of the agent's settings, or none."""

    lead_id: Id
    agent_id: Id | None = None
    cadence_id: Id | None = None


class ReasonIn(msgspec.Struct, forbid_unknown_fields=True):
    """Why; it is kept in the audit log."""

    reason: Annotated[str, Meta(max_length=500)] | None = None


class RescheduleIn(msgspec.Struct, forbid_unknown_fields=True):
    """`at`: an instant from now to a year ahead."""

    at: Instant
    reason: Annotated[str, Meta(max_length=500)] | None = None


class ResultIn(msgspec.Struct, forbid_unknown_fields=True):
    """What came of a contact, by who had it. `outcome` where the network has reported none; a `disposition`
    of your own is kept and can be routed by. `callback_at`: when the lead asked to be called."""

    outcome: Outcome | None = None
    disposition: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    callback_at: Instant | None = None
    talk_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None
