"""Callbacks as they are sent and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import Id, ListQuery

Instant = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Note = Annotated[str, Meta(max_length=2000)]
Source = Annotated[str, Meta(max_length=100)]
Ids = Annotated[list[Id], Meta(max_length=50)]
Status = Literal["scheduled", "due", "done", "canceled"]


class CallbackIn(msgspec.Struct, forbid_unknown_fields=True):
    """Either an instant or the person's own words, such as "tomorrow afternoon", read where they are."""

    lead_id: Id
    at: Instant | None = None
    text: Text | None = None
    note: Note = ""
    source: Source = ""


class CallbackChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays."""

    at: Instant | UnsetType = UNSET
    text: Text | UnsetType | None = UNSET
    note: Note | UnsetType = UNSET


class CallbacksQuery(ListQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `lead_id`: of one of these leads. `agent_id`: by one of these agents.
    `status`: in one of these states. `at.gte`: asked for then or later. `at.lt`: asked for before that."""

    order: Literal["asc", "desc"] = "desc"
    lead_id: Ids | None = None
    agent_id: Ids | None = None
    status: Annotated[list[Status], Meta(max_length=4)] | None = None
    at_from: Instant | None = msgspec.field(default=None, name="at.gte")
    at_until: Instant | None = msgspec.field(default=None, name="at.lt")


class CallbackWindow(msgspec.Struct):
    """What words were read as; half-open."""

    start_at: str
    end_at: str


class Callback(msgspec.Struct):
    """`at`: when the person asked to be called; of words an instant in their `window`, with a `confidence`
    from 0 to 1 (below 0.7: confirm before promising). `planned_at`: when the call is made, within hours and
    caps. `attempt_id`: the call in which it was asked for."""

    id: str
    object: str
    created_at: str
    updated_at: str
    lead_id: str
    loop_id: str
    agent_id: str
    attempt_id: str | None
    status: str
    at: str
    at_local: str | None
    planned_at: str | None
    planned_at_local: str | None
    window: CallbackWindow | None
    confidence: float | None
    text: str | None
    note: str
    source: str
