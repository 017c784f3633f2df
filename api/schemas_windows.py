"""Weekly open hours, days without calls and closings, as they are sent and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.schemas_impact import Impact
from api.schemas_jobs import Job

ClockTime = Annotated[
    str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", max_length=5, examples=["09:00"])
]
Region = Annotated[str, Meta(min_length=1, max_length=64)]
Regions = Annotated[list[Region], Meta(max_length=100)]
Date = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", max_length=10, examples=["2026-12-25"])]
Label = Annotated[str, Meta(max_length=200)]
Instant = Annotated[datetime, Meta(tz=True)]


class Hours(msgspec.Struct, forbid_unknown_fields=True):
    """Wall clock where the lead is; half-open, the end may be 24:00."""

    start: ClockTime
    end: ClockTime


class Day(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool = True
    ranges: Annotated[list[Hours], Meta(max_length=24)] = msgspec.field(default_factory=list)


def _closed() -> Day:
    return Day(False)


class Windows(msgspec.Struct, forbid_unknown_fields=True):
    """Open hours by weekday; a day that is left out is closed."""

    mon: Day = msgspec.field(default_factory=_closed)
    tue: Day = msgspec.field(default_factory=_closed)
    wed: Day = msgspec.field(default_factory=_closed)
    thu: Day = msgspec.field(default_factory=_closed)
    fri: Day = msgspec.field(default_factory=_closed)
    sat: Day = msgspec.field(default_factory=_closed)
    sun: Day = msgspec.field(default_factory=_closed)


class AgentWindows(Windows):
    """`inherited`: they are the account's."""

    inherited: bool = False


class AgentWindowsIn(Windows, kw_only=True):
    """`inherited`, sent back as it was shown: true with the account's hours leaves them so."""

    inherited: bool = False


class AgentWindowsChanged(AgentWindows, kw_only=True):
    impact: Impact
    job: Job | None


class WindowsChanged(Windows, kw_only=True):
    impact: Impact
    job: Job | None


class NoCallDayIn(msgspec.Struct, forbid_unknown_fields=True):
    """`regions`: only there; none means everywhere. The day is that of the lead's own place."""

    date: Date
    label: Label = ""
    regions: Regions = msgspec.field(default_factory=list)
    repeat: Literal["none", "yearly"] = "none"


class NoCallDayChange(msgspec.Struct, forbid_unknown_fields=True):
    date: Date | UnsetType = UNSET
    label: Label | UnsetType = UNSET
    regions: Regions | UnsetType = UNSET
    repeat: Literal["none", "yearly"] | UnsetType = UNSET


class NoCallDay(msgspec.Struct):
    """`id` is null in a dry run of one that does not exist yet."""

    id: str | None
    object: str
    created_at: str
    updated_at: str
    date: str
    label: str
    regions: list[str]
    repeat: str


class NoCallDayChanged(NoCallDay):
    impact: Impact
    job: Job | None


class ClosureIn(msgspec.Struct, forbid_unknown_fields=True):
    """`regions`: whose leads may not be called from `starts_at` (now, if left out) until `ends_at`; none
    means nobody anywhere."""

    ends_at: Instant
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
    starts_at: Instant | None = None
    regions: Regions = msgspec.field(default_factory=list)


class ClosureChange(msgspec.Struct, forbid_unknown_fields=True):
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    regions: Regions | UnsetType = UNSET
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")] | UnsetType = UNSET


class Closure(msgspec.Struct):
    """`id` is null in a dry run of one that does not exist yet."""

    id: str | None
    object: str
    created_at: str
    updated_at: str
    regions: list[str]
    starts_at: str
    ends_at: str
    reason: str


class ClosureChanged(Closure):
    impact: Impact
    job: Job | None


class Removed(msgspec.Struct):
    """What a removal does to the calls that are planned."""

    impact: Impact
    job: Job | None
