"""Which events somebody asks for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from api.requests import Id, ListQuery
from scheduler.ledger.news import TYPES

EventType = Annotated[
    str, Meta(min_length=1, max_length=40, extra_json_schema={"enum": sorted(TYPES), "title": "EventType"})
]
"""Described as one of the types, and looked at by who takes it, which tells what was meant."""


class EventsQuery(ListQuery, forbid_unknown_fields=True):
    """`cursor`: of a page before, or the id of an event: what comes after it. `type`: one of these types.
    `lead_id`: of this lead. `batch_id`: of this batch."""

    type: Annotated[list[EventType], Meta(max_length=30)] = msgspec.field(default_factory=list)
    lead_id: Id | None = None
    batch_id: Id | None = None


class StreamQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`topics`: of `tick`, `attempts`, `batch:bat_x`, `lead:lead_x`, separated by commas; everything without.
    `ticket`: in place of the `Authorization` header, for browsers; taken once. `last_event_id`: in place of
    the header `Last-Event-ID`."""

    topics: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None
    ticket: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    last_event_id: Id | None = None
