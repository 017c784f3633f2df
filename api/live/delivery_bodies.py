"""What webhooks are sent: an event as `/v1/events` answers it, many of them in one body, or a greeting."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from api.instants import utc_ms
from api.live.envelopes import envelopes
from api.schemas_events import EventBatch, EventList, WebhookPing
from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.insight.events import Event, Narrow, read_on
from scheduler.ledger.database import Database
from scheduler.ledger.deliveries import Delivery
from scheduler.public_ids import PublicIds

PING = "webhook.ping"
BATCH = "events.batch"

_encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, frozen=True):
    """A request's body and the `webhook-id` that says which it is, whenever it is sent again."""

    id: str
    body: bytes


async def read_events(database: Database, account_id: int, delivery: Delivery) -> list[Event] | None:
    """The events of a delivery; None when they are no longer kept."""
    if not delivery.events:
        return []
    try:
        narrow = Narrow(delivery.types or None)
        return (await read_on(database, account_id, delivery.after_seq, delivery.events, narrow)).events
    except Refused:
        return None


async def write_messages(
    database: Database,
    ids: PublicIds,
    account_id: int,
    deliveries: Sequence[tuple[Delivery, list[Event]]],
    now_ms: Ms,
) -> list[Message]:
    """One for each, with all objects as they are now, read at once."""
    events = [event for _, found in deliveries for event in found]
    shown = iter(await envelopes(database, ids, account_id, events))
    account = ids.write("acc", account_id)
    written = []
    for delivery, found in deliveries:
        parts = [next(shown) for _ in found]
        if delivery.kind == "single":
            written.append(Message(parts[0].id, _encode(parts[0])))
            continue
        id_ = ids.write("dlv", delivery.delivery_id)
        at = utc_ms(now_ms)
        body = (
            EventBatch(id_, BATCH, at, account, EventList(parts))
            if delivery.kind == "batch"
            else WebhookPing(id_, PING, at, account, {})
        )
        written.append(Message(id_, _encode(body)))
    return written
