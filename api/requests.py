"""Bodies and parameters that the API takes, with their bounds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Line = Annotated[str, Meta(max_length=500)]
Limit = Annotated[int, Meta(ge=1, le=200)]
Id = Annotated[str, Meta(max_length=32)]
Instant = Annotated[datetime, Meta(tz=True)]


class ListQuery(msgspec.Struct, forbid_unknown_fields=True):
    """What every list takes. `limit`: how many are shown. `cursor`: of a page before, as its `next_cursor` or
    its `Link` has it: what comes after it. `order`: by when it was created: `asc` is the oldest first.
    `count`: how many there are in all, exactly or about; not told without. `created_at.gte`: created then
    or later. `created_at.lt`: created before that."""

    limit: Limit = 50
    cursor: Id | None = None
    order: Literal["asc", "desc"] = "asc"
    count: Literal["estimate", "exact"] | None = None
    created_from: Instant | None = msgspec.field(default=None, name="created_at.gte")
    created_until: Instant | None = msgspec.field(default=None, name="created_at.lt")


class NewestFirstQuery(ListQuery, forbid_unknown_fields=True):
    """Of a list whose newest are looked for, unless `order=asc`."""

    order: Literal["asc", "desc"] = "desc"


class PauseIn(msgspec.Struct, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class HoldIn(msgspec.Struct, forbid_unknown_fields=True):
    """A pause of an agent or a batch."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")] | None = None


class ResumeIn(msgspec.Struct, forbid_unknown_fields=True):
    spread_over_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None


PerMin = Annotated[float, Meta(ge=0.001, le=1_000_000)]
PerSecond = Annotated[float, Meta(ge=0.001, le=10_000)]
Calls = Annotated[int, Meta(ge=1, le=1_000_000)]
OpenTime = Annotated[int, Meta(ge=0, le=604_800)]
BatchStatus = Literal["ingesting", "running", "paused", "done", "canceled"]
BatchName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]


class ThrottleIn(msgspec.Struct, forbid_unknown_fields=True):
    """A part that is left out stays as it is, null lifts it."""

    max_per_min: PerMin | UnsetType | None = UNSET
    max_concurrent: Calls | UnsetType | None = UNSET
    start_at: Instant | UnsetType | None = UNSET
    spread_over_s: OpenTime | UnsetType | None = UNSET


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    """`cadence_id`: what its leads follow that name none themselves."""

    name: BatchName
    agent_id: Id
    cadence_id: Id | None = None
    priority: Literal["live", "bulk"] = "bulk"
    throttle: ThrottleIn = msgspec.field(default_factory=ThrottleIn)


class BatchesQuery(ListQuery, forbid_unknown_fields=True):
    """`status`: in one of these states. `agent_id`: called by one of these agents."""

    status: Annotated[list[BatchStatus], Meta(max_length=5)] | None = None
    agent_id: Annotated[list[Id], Meta(max_length=50)] | None = None


class BatchChange(msgspec.Struct, forbid_unknown_fields=True):
    name: BatchName | None = None
    throttle: ThrottleIn = msgspec.field(default_factory=ThrottleIn)


class WheelQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`lanes`: how many are shown one by one."""

    lanes: Annotated[int, Meta(ge=0, le=200)] = 20


class SlotsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """From now for a day by quarters of an hour, unless told otherwise. `from`: where the first slot begins;
    now without. `to`: where the last one ends; a day later without. `bucket_s`: how long a slot is, in
    seconds."""

    from_: Instant | None = msgspec.field(default=None, name="from")
    to: Instant | None = None
    bucket_s: Annotated[int, Meta(ge=1, le=31_622_400)] = 900
