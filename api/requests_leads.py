"""Bodies and parameters of leads, with their bounds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import Id, Limit, Line, NewestFirstQuery

LeadStatus = Literal[
    "new", "active", "reached", "converted", "exhausted", "unreachable", "opted_out", "closed"
]
Priority = Literal["live", "bulk"]
Phone = Annotated[str, Meta(max_length=64)]
ExternalId = Annotated[str, Meta(min_length=1, max_length=255)]
Zone = Annotated[str, Meta(max_length=64)]
Region = Annotated[str, Meta(max_length=64)]
Instant = Annotated[datetime, Meta(tz=True)]
Tag = Annotated[str, Meta(min_length=1, max_length=100)]
Tags = Annotated[list[Tag], Meta(max_length=100)]
Cursor = Annotated[str, Meta(max_length=4000)]
"""Of leads: the longest name that they may be sorted by is in it."""
Few = Meta(min_length=1, max_length=50)


class ConsentIn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    basis: Annotated[str, Meta(min_length=1, max_length=100)]
    captured_at: Instant | None = None
    source: Line = ""
    expires_at: Instant | None = None


class LeadIn(msgspec.Struct, forbid_unknown_fields=True):
    phone: Phone
    external_id: ExternalId | None = None
    name: Line = ""
    email: Line = ""
    timezone: Zone | None = None
    region: Region | None = None
    appointment_at: Instant | None = None
    priority: Priority = "bulk"
    agent_id: Id | None = None
    batch_id: Id | None = None
    cadence_id: Id | None = None
    consent: ConsentIn | None = None
    tags: Tags = []
    variables: dict[str, Any] = {}


class LeadChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes away. `variables` are replaced whole."""

    phone: Phone | UnsetType = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    name: Line | UnsetType = UNSET
    email: Line | UnsetType = UNSET
    timezone: Zone | UnsetType | None = UNSET
    region: Region | UnsetType | None = UNSET
    appointment_at: Instant | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    agent_id: Id | UnsetType | None = UNSET
    batch_id: Id | UnsetType | None = UNSET
    consent: ConsentIn | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    variables: dict[str, Any] | UnsetType = UNSET


class LeadsQuery(NewestFirstQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `status`: in one of these states. `agent_id`: called by one of these
    agents. `batch_id`: of one of these batches. `cadence_id`: followed up by one of these cadences.
    `external_id`: under one of these ids of yours. `priority`: of one of these classes. `tag`: a lead
    has all of them."""

    cursor: Cursor | None = None
    status: Annotated[list[LeadStatus], Few] | None = None
    agent_id: Annotated[list[Id], Few] | None = None
    batch_id: Annotated[list[Id], Few] | None = None
    cadence_id: Annotated[list[Id], Few] | None = None
    external_id: Annotated[list[ExternalId], Few] | None = None
    priority: Annotated[list[Priority], Few] | None = None
    tag: Annotated[list[Tag], Few] | None = None


class Span(msgspec.Struct, forbid_unknown_fields=True):
    """`gte` inclusive, `lt` exclusive."""

    gte: Instant | None = None
    lt: Instant | None = None


class LeadFilterIn(msgspec.Struct, forbid_unknown_fields=True):
    """Every part must be met: one of the values of each, but all of the `tag`s. `name`: a part of it."""

    phone: Phone | None = None
    external_id: ExternalId | Annotated[list[ExternalId], Few] | None = None
    email: Line | None = None
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    status: LeadStatus | Annotated[list[LeadStatus], Few] | None = None
    agent_id: Id | Annotated[list[Id], Few] | None = None
    batch_id: Id | Annotated[list[Id], Few] | None = None
    cadence_id: Id | Annotated[list[Id], Few] | None = None
    priority: Priority | None = None
    tag: Tag | Annotated[list[Tag], Few] | None = None
    created_at: Span | None = None


SortBy = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "contacted_at",
    "-contacted_at",
    "name",
    "-name",
    "attempts_count",
    "-attempts_count",
]


class SearchIn(msgspec.Struct, forbid_unknown_fields=True):
    """`sort`: `-` for the largest first."""

    filter: LeadFilterIn = msgspec.field(default_factory=LeadFilterIn)
    sort: SortBy = "-created_at"
    limit: Limit = 50
    cursor: Cursor | None = None
    count: Literal["estimate", "exact"] | None = None


class SignalIn(msgspec.Struct, forbid_unknown_fields=True):
    """`at` null: now."""

    kind: Literal["replied", "clicked", "opened", "booked", "inbound_call", "human_takeover"]
    channel: Literal["call", "sms", "email", "voicemail_drop"] | None = None
    at: Instant | None = None


class CallIn(msgspec.Struct, forbid_unknown_fields=True):
    """`agent_id` null: who follows the lead up. `caller_id`: the number that the call shows, its id or the
    phone itself; one of the agent's pool. `acknowledge_statutory` with a `reason`: beyond the law's
    hours. `enrol`: a lead that nobody follows up is followed up from this call on."""

    agent_id: Id | None = None
    caller_id: Phone | None = None
    acknowledge_statutory: bool = False
    reason: Line = ""
    enrol: bool = False


class ActionArgs(msgspec.Struct, forbid_unknown_fields=True):
    """`enrol` takes `agent_id` or `batch_id`, and `cadence_id`; `tag` takes `add` and `remove`."""

    agent_id: Id | None = None
    batch_id: Id | None = None
    cadence_id: Id | None = None
    add: Tags = []
    remove: Tags = []
    priority: Priority | None = None


class ActionsIn(msgspec.Struct, forbid_unknown_fields=True):
    """On the leads that a `filter` finds, or on those of `ids`."""

    action: Literal["enrol", "pause", "resume", "remove", "tag", "priority"]
    filter: LeadFilterIn | None = None
    ids: Annotated[list[Id], Meta(min_length=1, max_length=10_000)] | None = None
    args: ActionArgs = msgspec.field(default_factory=ActionArgs)


class ActionsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`dry_run`: tell what would change, and change nothing."""

    dry_run: bool = False
