"""What calls go out by: trunks, caller ids and pools of them, as they are sent and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import Id, PerSecond

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Calls = Annotated[int, Meta(ge=1, le=1_000_000)]
Region = Annotated[str, Meta(min_length=1, max_length=64)]
Instant = Annotated[datetime, Meta(tz=True)]
Members = Annotated[list[Id], Meta(max_length=1000)]
Status = Literal["active", "paused"]
Strategy = Literal["random", "rotate", "sticky", "local", "fixed"]


class TrunkIn(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    max_concurrent: Calls | None = None
    max_dials_per_s: PerSecond | None = None
    paused: bool = False


class TrunkChange(msgspec.Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    max_concurrent: Calls | UnsetType | None = UNSET
    max_dials_per_s: PerSecond | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET


class CallerIdIn(msgspec.Struct, forbid_unknown_fields=True):
    """Without a `daily_cap` the setting `caller_id_daily_cap` holds; without a `region` the number's own."""

    phone: Annotated[str, Meta(max_length=64)]
    region: Region | None = None
    daily_cap: Calls | None = None
    rest_until: Instant | None = None
    status: Status = "active"


class CallerIdChange(msgspec.Struct, forbid_unknown_fields=True):
    region: Region | UnsetType | None = UNSET
    daily_cap: Calls | UnsetType = UNSET
    rest_until: Instant | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class PoolIn(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    strategy: Strategy = "rotate"
    caller_ids: Members = []


class PoolChange(msgspec.Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    strategy: Strategy | UnsetType = UNSET
    caller_ids: Members | UnsetType = UNSET


class AgentChange(msgspec.Struct, forbid_unknown_fields=True):
    trunk_id: Id | UnsetType | None = UNSET
    caller_id_pool_id: Id | UnsetType | None = UNSET


class Trunk(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    max_concurrent: int | None
    max_dials_per_s: float | None
    paused: bool


class CallerId(msgspec.Struct):
    """`used_today`: calls on the account's local day."""

    CHANGES_BY_ITSELF: ClassVar = ("used_today",)

    id: str
    object: str
    created_at: str
    updated_at: str
    phone: str
    region: str | None
    daily_cap: int
    rest_until: str | None
    status: str
    caller_id_pool_id: str | None
    used_today: int


class Pool(msgspec.Struct):
    """`left_today`: calls that its numbers have left; `renews_at`: when that changes by itself."""

    CHANGES_BY_ITSELF: ClassVar = ("left_today", "renews_at")

    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    strategy: str
    caller_ids: list[str]
    left_today: int
    renews_at: str
