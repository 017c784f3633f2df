"""Imports as they are asked for and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.requests import Calls, Id, ListQuery, OpenTime, PerMin

ImportStatus = Literal["receiving", "processing", "done", "failed", "canceled"]
RowCode = Literal[
    "phone-invalid",
    "phone-missing",
    "timezone-unknown",
    "region-unknown",
    "duplicate-in-file",
    "already-active",
    "suppressed",
    "consent-missing",
    "encoding",
    "malformed-row",
    "cell-too-large",
    "nul",
]
Instant = Annotated[datetime, Meta(tz=True)]
Few = Meta(min_length=1, max_length=50)


class ImportQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`map.<column>=<field>` is read before these. `agent_id`: who calls the leads of a new batch; needed
    without `batch_id`. `batch_id`: the batch they go to; a new one without. `cadence_id`: the cadence that
    follows them up; that of the batch or the agent without. `name`: of the new batch; needed without
    `batch_id`. `priority`: whether each is called at once, before all bulk. `on_duplicate`: what becomes of
    a lead that is known. `region`: the country of numbers that name none. `consent`: the basis of consent
    of rows that state none. `max_per_min`: pace of the new batch: first calls a minute. `max_concurrent`:
    calls of the new batch at once. `start_at`: no first call of the new batch before that. `spread_over_s`:
    first calls of the new batch are spread over this much open time, in seconds. `delimiter`: one
    character, or `tab`; told from the first line without. `parts`: begin a file that comes in parts.
    `dry_run`: rehearse it: tell what would come in, and keep nothing."""

    agent_id: Id | None = None
    batch_id: Id | None = None
    cadence_id: Id | None = None
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    priority: Literal["live", "bulk"] = "bulk"
    on_duplicate: Literal["update", "skip", "reject"] = "update"
    region: Annotated[str, Meta(max_length=64)] | None = None
    consent: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    max_per_min: PerMin | None = None
    max_concurrent: Calls | None = None
    start_at: Instant | None = None
    spread_over_s: OpenTime | None = None
    delimiter: Annotated[str, Meta(min_length=1, max_length=3)] | None = None
    parts: bool = False
    dry_run: bool = False


class ImportsQuery(ListQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `status`: in one of these states. `batch_id`: into one of these
    batches."""

    order: Literal["asc", "desc"] = "desc"
    status: Annotated[list[ImportStatus], Few] | None = None
    batch_id: Annotated[list[Id], Few] | None = None


class ErrorsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`format`: of the rows that did not come in; by `Accept` without."""

    format: Literal["csv", "ndjson"] | None = None


class CompleteIn(msgspec.Struct, forbid_unknown_fields=True):
    """`parts`: how many there are, so that a last one that got lost is noticed."""

    parts: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class Import(msgspec.Struct):
    """rows = created + updated + unchanged + duplicate + suppressed + rejected. `size`: bytes of the file
    where known, `bytes` those that were read, unpacked. `trouble`: what broke it off; send it again from
    `resume_row`, or whole: rows that are in add nothing. `job_id`: who works on its parts."""

    id: str
    object: str
    created_at: str
    updated_at: str
    batch_id: str
    status: ImportStatus
    bytes: int
    size: int | None
    rows: int
    created: int
    updated: int
    unchanged: int
    duplicate: int
    suppressed: int
    rejected: int
    rows_per_s: int | None
    eta_at: str | None
    errors_url: str
    job_id: str | None
    trouble: str | None
    resume_row: int | None


class ImportPart(msgspec.Struct):
    """A part of a file, as it is kept: its number, its bytes and their SHA-256 in hexadecimal."""

    id: str
    object: str
    created_at: str
    updated_at: str
    number: int
    size: int
    sha256: str


class RowFault(msgspec.Struct):
    """A row that does not come in: its first line in the file, and its value with most digits hidden."""

    row: int
    column: str
    code: RowCode
    detail: str
    value: str


class ImportImpact(msgspec.Struct):
    """What a file would bring. `zones`: of how many of its good rows the clock is this; of some numbers it
    may be one of `several`, of others it is `unknown`. Touches of a batch with a pace come as that
    lets them."""

    loops_started: int
    first_touch_at: str | None
    last_touch_at: str | None
    zones: dict[str, int]


class ImportRehearsal(msgspec.Struct):
    """How a file would come in now; nothing of it is kept. `codes`: how many rows would not come in, by why;
    `errors`: the first of them. `trouble`: what would break it off."""

    object: str
    status: Literal["done", "failed"]
    batch_id: str | None
    bytes: int
    rows: int
    created: int
    updated: int
    unchanged: int
    duplicate: int
    suppressed: int
    rejected: int
    rows_per_s: int
    codes: dict[str, int]
    errors: list[RowFault]
    impact: ImportImpact
    trouble: str | None
    resume_row: int | None
