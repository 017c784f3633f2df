"""Webhooks and their deliveries, as they are sent and answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import ListQuery
from api.requests_events import EventType

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        extra_json_schema={"pattern": "^[hH][tT][tT][pP][sS]?://"},
        description="https, on port 443 or 8443, of the open internet unless the installation allows more",
        examples=["https://hooks.example/dialwheel"],
    ),
]
Types = Annotated[list[EventType], Meta(max_length=50)]
Mode = Literal["single", "batch"]
Instant = Annotated[datetime, Meta(tz=True)]
State = Literal["pending", "delivered", "failed"]


class WebhookIn(msgspec.Struct, forbid_unknown_fields=True):
    """`types` empty: all. `mode`: one event a request, or up to a hundred."""

    url: Url
    types: Types = msgspec.field(default_factory=list)
    mode: Mode = "single"


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays. `status` active ends a pause, and makes one that was disabled try again."""

    url: Url | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    status: Literal["active", "paused"] | UnsetType = UNSET


class RotateSecretIn(msgspec.Struct, forbid_unknown_fields=True):
    """The secret before signs so long beside the new one."""

    grace_s: Annotated[int, Meta(ge=0, le=2_592_000)] = 86_400


class ReplayIn(msgspec.Struct, forbid_unknown_fields=True):
    """Events of that time, as far as they are kept. `to` left out: until now."""

    from_: Instant = msgspec.field(name="from")
    to: Instant | None = None


class Webhook(msgspec.Struct):
    """`disabled_at`, `disabled_reason`: since when nothing is sent any more, and why. `failing_since`:
    nothing has arrived since. `rotating_until`: two secrets sign until then. `replaying`: events of before
    are being sent once more."""

    id: str
    object: str
    created_at: str
    updated_at: str
    url: str
    types: list[str]
    mode: str
    status: str
    disabled_at: str | None
    disabled_reason: str | None
    failing_since: str | None
    rotating_until: str | None
    replaying: bool


class SecretWebhook(Webhook):
    """`secret`: signs its requests, is shown this once; null when the answer is a repeated one."""

    secret: str | None


class Delivery(msgspec.Struct):
    """What is sent in one request, and sent again until it arrives. `kind`: single, batch or ping; `events`:
    how many it has, `event_id`: the only or the first one. `answer`: the status of the last answer, `error`:
    what was wrong with the last try."""

    id: str
    object: str
    created_at: str
    updated_at: str
    webhook_id: str
    kind: str
    events: int
    event_id: str | None
    status: str
    tries: int
    tried_at: str | None
    next_at: str | None
    answer: int | None
    error: str | None


class DeliveriesQuery(ListQuery, forbid_unknown_fields=True):
    """Newest first unless `order=asc`. `status`: in one of these states."""

    order: Literal["asc", "desc"] = "desc"
    status: Annotated[list[State], Meta(max_length=3)] | None = None
