"""Events as they are answered and sent."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType

from api.schemas_wheel import DialRates, DispatchLag, DueSoon, WhyWaiting


class EventData(msgspec.Struct):
    """`object`: what it happened to, as its own path shows it now, but for the fields that the event is
    about: they are as they were right after it. Only `id` and `object` of what is gone."""

    object: Raw


class Event(msgspec.Struct):
    """One event. `sequence` rises with each event of a lead. `previous`: the fields that changed, as they
    were. `sampled_rate`: on a live stream, which part of events like this one is shown."""

    id: str
    object: str
    type: str
    timestamp: str
    account_id: str
    sequence: int
    data: EventData
    previous: Raw | UnsetType = UNSET
    sampled_rate: float | UnsetType = UNSET


class PulledEvent(Event, kw_only=True):
    """An event in the list, which has what every object has beside what is sent; it never changes."""

    created_at: str
    updated_at: str


class EventList(msgspec.Struct):
    events: list[Event]


class EventBatch(msgspec.Struct):
    """Up to a hundred events in one request. `id`: of the delivery; `type`: `events.batch`."""

    id: str
    type: str
    timestamp: str | None
    account_id: str
    data: EventList


class WebhookPing(msgspec.Struct):
    """Asked for by hand, to see whether it arrives. `id`: of the delivery; `type`: `webhook.ping`."""

    id: str
    type: str
    timestamp: str | None
    account_id: str
    data: dict[str, str]


class DialingScope(msgspec.Struct):
    """Whose dialing was paused or resumed: of the account, an agent or a batch."""

    id: str
    object: str
    paused: bool
    pause_reason: str | None


class Component(msgspec.Struct):
    """A part that works badly, or does again. `id`: of the trunk or agent that it is, if it is one."""

    id: str | None
    object: str
    name: str
    detail: str


class WaitingDigest(msgspec.Struct):
    """How many leads wait for a person of the account on this day, its own; `reasons` as `/v1/leads/waiting`
    has them."""

    object: str
    day: str
    waiting: int
    reasons: dict[str, int]


class Gap(msgspec.Struct):
    """Events that were not sent: those after `from` up to `to`, `count` in all; `/v1/events` has them, unless
    they are no longer kept. `from` null: from the very first."""

    from_: str | None = msgspec.field(name="from")
    to: str
    count: int


class TickClass(msgspec.Struct):
    """The waiting loops of one class: in all, and those that a dialer could have now."""

    name: str
    total: int
    ready: int


class Tick(msgspec.Struct):
    """How things stand, once a second. `measured_at`: when waiting loops were counted last; the rest is of
    `at`. The fields mean what they do in `/v1/wheel`. `stale`: the stores did not answer, so this is old."""

    object: str
    at: str
    measured_at: str
    stale: bool
    clock_speed: float
    total: int
    depth: int
    overdue: int
    held: int
    in_flight: int
    why: WhyWaiting
    due: DueSoon
    opens_at: str | None
    lag_ms: int
    dispatch_lag_ms: DispatchLag
    dials_per_s: DialRates
    classes: list[TickClass]


class StreamTicket(msgspec.Struct):
    """Opens one event stream, once, until `expires_at`, which is real time also where the clock is simulated:
    `/v1/events/stream?ticket=…`."""

    ticket: str
    object: str
    expires_at: str
