"""An account's settings, as they are sent and answered."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import PerSecond
from api.schemas_impact import Impact
from api.schemas_jobs import Job
from api.schemas_windows import Windows

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
Calls = Annotated[int, Meta(ge=1, le=1_000_000)]
Channel = Literal["call", "sms", "email", "voicemail_drop"]


class FrequencyCap(msgspec.Struct, forbid_unknown_fields=True):
    """At most `max` contacts in any `window_s` seconds. A lead is one number of one person, so both scopes
    count alike; the latest 31 contacts are remembered."""

    max: Annotated[int, Meta(ge=1, le=30)]
    window_s: Annotated[int, Meta(ge=60, le=2_592_000)]
    channels: Annotated[list[Channel], Meta(min_length=1, max_length=4)] = msgspec.field(
        default_factory=lambda: ["call"]
    )
    scope: Literal["person", "number"] = "person"


Caps = Annotated[list[FrequencyCap], Meta(max_length=10)]


class AccountChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays. `windows`: the whole week; `frequency_caps`: all of them."""

    name: Name | UnsetType = UNSET
    timezone: Zone | UnsetType = UNSET
    windows: Windows | UnsetType = UNSET
    live_after_hours: bool | UnsetType = UNSET
    strict: bool | UnsetType = UNSET
    max_concurrent: Calls | UnsetType | None = UNSET
    max_dials_per_s: PerSecond | UnsetType | None = UNSET
    frequency_caps: Caps | UnsetType = UNSET
    jitter_max_s: Annotated[int, Meta(ge=0, le=86_400)] | UnsetType = UNSET


class Account(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    timezone: str
    windows: Windows
    live_after_hours: bool
    strict: bool
    max_concurrent: int | None
    max_dials_per_s: float | None
    frequency_caps: list[FrequencyCap]
    jitter_max_s: int
    paused: bool
    pause_reason: str | None


class AccountChanged(Account):
    """`job` refreshes the times that are shown; null where no call moves."""

    impact: Impact
    job: Job | None
