"""Events as they are answered and sent: each in its envelope, with the object that it happened to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw

from api.instants import utc
from api.live.event_ids import write_event_id
from api.live.objects import read_objects, shown
from api.schemas_events import Event as Envelope
from api.schemas_events import EventData
from scheduler.insight.events import Event
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime
from scheduler.public_ids import PublicIds

_encode = msgspec.json.Encoder().encode


async def envelopes(
    database: Database, ids: PublicIds, account_id: int, events: Sequence[Event]
) -> list[Envelope]:
    """The events of one account, in the order given. Raises ServerUnavailable."""
    objects = await read_objects(database, account_id, events, ids)
    account = ids.write("acc", account_id)
    found = []
    for event in events:
        previous = event.extra.get("previous")
        found.append(
            Envelope(
                id=write_event_id(ids, account_id, event.number),
                object="event",
                type=event.type,
                timestamp=utc(to_datetime(event.at_ms)),
                account_id=account,
                sequence=event.number,
                data=EventData(Raw(_encode(shown(event, objects, ids)))),
                previous=UNSET if previous is None else Raw(_encode(previous)),
            )
        )
    return found
