"""Server-sent events as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from api.instants import utc_ms
from api.live.envelopes import envelopes
from api.live.event_ids import write_event_id
from api.schemas_events import Gap, Tick, TickClass
from api.schemas_wheel import DialRates, DispatchLag, DueSoon, WhyWaiting
from scheduler.insight.events import Event
from scheduler.insight.ticks import Standing
from scheduler.ledger.database import Database
from scheduler.public_ids import PublicIds

OPENING = b"retry: 2000\n\n"
HEARTBEAT = b": here\n\n"

_encode = msgspec.json.Encoder().encode


def frame(name: str, data: object, id_: str | None = None) -> bytes:
    """`id_`: what a reader that comes back has read up to; None leaves that as it was."""
    head = b"" if id_ is None else f"id: {id_}\n".encode()
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), _encode(data))


async def event_frames(
    database: Database,
    ids: PublicIds,
    account_id: int,
    events: Sequence[Event],
    rates: Mapping[int, float] | None = None,
) -> dict[int, bytes]:
    """By number; `rates`: which part of events like it is shown, where that is not all. Raises
    ServerUnavailable."""
    frames = {}
    for event, said in zip(events, await envelopes(database, ids, account_id, events), strict=True):
        rate = 1.0 if rates is None else rates.get(event.number, 1.0)
        if rate < 1:
            said.sampled_rate = round(rate, 4)
        frames[event.number] = frame(event.type, said, said.id)
    return frames


def gap_frame(ids: PublicIds, account_id: int, after: int, upto: int) -> bytes:
    to = write_event_id(ids, account_id, upto)
    from_ = write_event_id(ids, account_id, after) if after else None
    return frame("gap", Gap(from_, to, upto - after), to)


def tick_frame(
    ids: PublicIds,
    account_id: int,
    standing: Standing,
    *,
    now_ms: int,
    stale: bool,
    clock_speed: float,
    number: int,
) -> bytes:
    """`number`: of the last event that was sent before it."""
    view, dialing = standing.view, standing.dialing
    tick = Tick(
        object="tick",
        at=utc_ms(now_ms) or "",
        measured_at=utc_ms(view.at_ms) or "",
        stale=stale,
        clock_speed=clock_speed,
        total=view.reasons.total,
        depth=view.depth,
        overdue=view.reasons.held + view.reasons.ready,
        held=view.reasons.held,
        in_flight=dialing.in_flight,
        why=msgspec.convert(view.reasons, WhyWaiting, from_attributes=True),
        due=msgspec.convert(view.due, DueSoon, from_attributes=True),
        opens_at=utc_ms(view.opens_ms),
        lag_ms=view.lag_ms,
        dispatch_lag_ms=DispatchLag(dialing.lag_p50_ms, dialing.lag_p99_ms),
        dials_per_s=DialRates(dialing.per_s_of_10_s, dialing.per_s_of_minute),
        classes=[TickClass(name, one.reasons.total, one.reasons.ready) for name, one in view.classes.items()],
    )
    return frame("tick", tick, write_event_id(ids, account_id, number) if number else None)
