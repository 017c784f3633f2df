"""Agents and how they dial, as they are sent and answered."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import Id
from api.schemas_account import Name, Zone
from api.schemas_impact import Impact
from api.schemas_jobs import Job
from api.schemas_windows import Windows

Strategy = Literal["followup", "smart", "intervals", "cadence"]
Intensity = Literal["aggressive", "moderate", "conservative"]
StopOn = Literal["reached", "converted"]
Voice = Literal["ai", "human"]
Waits = Annotated[
    list[Annotated[int, Meta(ge=60, le=7_776_000)]],
    Meta(min_length=1, max_length=50),
]
Attempts = Annotated[int, Meta(ge=1, le=100)]
Days = Annotated[int, Meta(ge=0, le=365)]
Errors = Annotated[int, Meta(ge=1, le=100)]


class AutoDialerIn(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays, of a new agent at its default, which hangs on the strategy: `max_attempts` 7
    for followup and intervals, `max_retry_days` 7 for smart. One of the two must be a number but for a
    cadence, which ends with its steps."""

    enabled: bool | UnsetType = UNSET
    strategy: Strategy | UnsetType = UNSET
    intensity: Intensity | UnsetType = UNSET
    intervals_s: Waits | UnsetType = UNSET
    cadence_id: Id | UnsetType | None = UNSET
    max_attempts: Attempts | UnsetType | None = UNSET
    max_retry_days: Days | UnsetType | None = UNSET
    immediate_callback: bool | UnsetType = UNSET
    stop_on: StopOn | UnsetType | None = UNSET
    max_consecutive_errors: Errors | UnsetType = UNSET
    live_after_hours: bool | UnsetType | None = UNSET


class AgentIn(msgspec.Struct, forbid_unknown_fields=True):
    """`timezone` and `windows`: null means the account's."""

    name: Name
    voice: Voice = "ai"
    timezone: Zone | None = None
    windows: Windows | None = None
    auto_dialer: AutoDialerIn = msgspec.field(default_factory=AutoDialerIn)
    trunk_id: Id | None = None
    caller_id_pool_id: Id | None = None


class AgentChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays, within `auto_dialer` too."""

    name: Name | UnsetType = UNSET
    voice: Voice | UnsetType = UNSET
    timezone: Zone | UnsetType | None = UNSET
    windows: Windows | UnsetType | None = UNSET
    auto_dialer: AutoDialerIn | UnsetType = UNSET
    trunk_id: Id | UnsetType | None = UNSET
    caller_id_pool_id: Id | UnsetType | None = UNSET


class AutoDialer(msgspec.Struct):
    """How an agent's loops run. The limits are those in force; `stop_on` and `live_after_hours` null: as the
    strategy and the account say."""

    enabled: bool
    strategy: str
    intensity: str
    intervals_s: list[int]
    cadence_id: str | None
    max_attempts: int | None
    max_retry_days: int | None
    immediate_callback: bool
    stop_on: str | None
    max_consecutive_errors: int
    live_after_hours: bool | None


class Agent(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    voice: str
    timezone: str | None
    windows: Windows | None
    auto_dialer: AutoDialer
    paused: bool
    trunk_id: str | None
    caller_id_pool_id: str | None


class AgentChanged(Agent):
    """`id` is null in a dry run of one that does not exist yet. `job` refreshes the times that are shown;
    null where no call moves."""

    id: str | None  # type: ignore[assignment]
    impact: Impact
    job: Job | None
