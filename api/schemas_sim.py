"""The simulator as it is changed and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

MOST_SPEED = 3600
"""An hour in a second: faster than that our own work is no longer small beside a quarter of an hour."""

MOST_AHEAD_S = 31 * 86_400

Share = Annotated[float, Meta(ge=0, le=1)]
Length = Annotated[float, Meta(ge=1, le=3600)]


class NetworkChange(msgspec.Struct, forbid_unknown_fields=True):
    """Parts of the network; what is left out stays. Of all calls: `human` are answered by a person,
    `voicemail` by a machine, `busy`, `dead` (no such number), `blocked` (for our caller id). Of people who
    answer: `converted` to `complaint`. Of requests and reports: the faults."""

    human: Share | UnsetType = UNSET
    voicemail: Share | UnsetType = UNSET
    busy: Share | UnsetType = UNSET
    dead: Share | UnsetType = UNSET
    blocked: Share | UnsetType = UNSET
    fatigue: Share | UnsetType = UNSET
    converted: Share | UnsetType = UNSET
    callback: Share | UnsetType = UNSET
    appointment: Share | UnsetType = UNSET
    dnc: Share | UnsetType = UNSET
    wrong_number: Share | UnsetType = UNSET
    complaint: Share | UnsetType = UNSET
    talk_mean_s: Length | UnsetType = UNSET
    talk_median_s: Length | UnsetType = UNSET
    timeout_dialled: Share | UnsetType = UNSET
    timeout_not_dialled: Share | UnsetType = UNSET
    server_error: Share | UnsetType = UNSET
    route_error: Share | UnsetType = UNSET
    duplicate: Share | UnsetType = UNSET
    swapped: Share | UnsetType = UNSET
    late: Share | UnsetType = UNSET
    lost: Share | UnsetType = UNSET


class SimChange(msgspec.Struct, forbid_unknown_fields=True):
    """As it is shown: what may be changed of it is the network."""

    network: NetworkChange = msgspec.field(default_factory=NetworkChange)


class SimNetwork(msgspec.Struct):
    """The network as it is; the fields mean what they do in a change."""

    human: float
    voicemail: float
    busy: float
    dead: float
    blocked: float
    fatigue: float
    converted: float
    callback: float
    appointment: float
    dnc: float
    wrong_number: float
    complaint: float
    talk_mean_s: float
    talk_median_s: float
    timeout_dialled: float
    timeout_not_dialled: float
    server_error: float
    route_error: float
    duplicate: float
    swapped: float
    late: float
    lost: float


class SimClock(msgspec.Struct):
    """`movable`: whether it may be moved; the machine's own may not."""

    now_at: str
    speed: float
    movable: bool


class Sim(msgspec.Struct):
    """The simulator that carries all calls of this process: no phone rings. `rings`: how many it has counted
    since it was made."""

    CHANGES_BY_ITSELF: ClassVar = ("rings", "clock")

    object: str
    provider: str
    rings: int
    clock: SimClock
    network: SimNetwork


class ClockIn(msgspec.Struct, forbid_unknown_fields=True):
    """One of them: `speed`, in seconds for each real one; `advance_s`, ahead from now; `at`, an instant to
    come."""

    speed: Annotated[float, Meta(ge=0.1, le=MOST_SPEED)] | None = None
    advance_s: Annotated[int, Meta(ge=1, le=MOST_AHEAD_S)] | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
