"""Exports as they are asked for and answered."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.requests import Id
from api.requests_leads import Span

Ids = Annotated[list[Id], Meta(min_length=1, max_length=50)]
Words = Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(min_length=1, max_length=20)]
Tags = Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(min_length=1, max_length=50)]
Kind = Literal["leads", "attempts", "loops", "callbacks", "dnc_entries", "audit"]
Format = Literal["csv", "ndjson"]


class ExportFilter(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Every part must be met: one of the values of each, but all of the `tag`s. `at`: when leads came in,
    attempts were due, callbacks asked for, lines of the audit log written."""

    lead_id: Ids | None = None
    loop_id: Ids | None = None
    agent_id: Ids | None = None
    batch_id: Ids | None = None
    cadence_id: Ids | None = None
    status: Words | None = None
    tag: Tags | None = None
    at: Span | None = None


class ExportIn(msgspec.Struct, forbid_unknown_fields=True):
    """`drop_plus`: phones in CSV without their plus; else a cell that a spreadsheet would take for a formula,
    a phone as well, begins with an apostrophe."""

    kind: Kind
    format: Format = "csv"
    filter: ExportFilter = msgspec.field(default_factory=ExportFilter)
    drop_plus: bool = False


class Export(msgspec.Struct):
    """`status`, `done`, `total` and `error` are those of its `job_id`. `file_url`: once it is done, until
    `expires_at`."""

    id: str
    object: str
    created_at: str
    updated_at: str
    expires_at: str
    kind: str
    format: str
    filter: ExportFilter
    job_id: str
    status: str
    done: int
    total: int | None
    error: str | None
    rows: int
    bytes: int
    name: str
    file_url: str | None
