"""Events by pull: what happened, in the order in which it did, as far back as events are kept."""

from __future__ import annotations

from difflib import get_close_matches

from msgspec.structs import asdict

from api.live.envelopes import envelopes
from api.live.event_ids import PREFIX, read_event_id
from api.paging import created_in, link_to_next, read_cursor
from api.problems import FieldError, Problem
from api.requests_events import EventsQuery
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_events import PulledEvent
from scheduler.insight.events import Narrow, count_events, read_back, read_on
from scheduler.ledger.news import TYPES


@route("GET", "/v1/events", scope="read")
async def list_events(call: Call, query: EventsQuery) -> Reply[Page[PulledEvent]]:
    """What happened, oldest first unless `order=desc`; by `type`, which may be repeated, lead and batch.

    Events are kept for seven days. `next_cursor` is there after the last page as well: keep it, and ask again
    with it for what has happened since. A page may be short, even empty, while `has_more` is true.
    """
    database, account_id = call.deps.flow.database, call.account_id
    for one in query.type:
        if one not in TYPES:
            detail, near = f"no such type of event: {one}", get_close_matches(one, TYPES, n=1)
            hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(TYPES)
            error = FieldError("unknown", detail, parameter="type", hint=hint)
            raise Problem("validation-failed", detail, hint=hint, errors=(error,))
    narrow = Narrow(
        types=query.type or None,
        lead_id=_number(call, "lead", "lead_id", query.lead_id),
        batch_id=_number(call, "bat", "batch_id", query.batch_id),
        created=created_in(query),
    )
    at = _place(call, query.cursor)
    read = read_on if query.order == "asc" else read_back
    stretch = await read(database, account_id, at, query.limit, narrow)
    found = Page(
        [
            PulledEvent(**asdict(sent), created_at=sent.timestamp, updated_at=sent.timestamp)
            for sent in await envelopes(database, call.ids, account_id, stretch.events)
        ],
        stretch.more,
        call.ids.write("cur", stretch.looked_to)
        if stretch.looked_to and (stretch.more or query.order == "asc")
        else None,
    )
    if query.count is not None:
        found.count = await count_events(database, account_id, narrow)
        found.count_exact = True
    return Reply(found, headers=link_to_next(call.request, found.next_cursor) if stretch.more else {})


def _place(call: Call, cursor: str | None) -> int | None:
    """The event that a cursor stands for; it may be the event's own id. Raises Problem 400."""
    if cursor is None or not cursor.startswith(PREFIX):
        return read_cursor(call.ids, cursor)
    number = read_event_id(call.ids, call.account_id, cursor)
    if number is None:
        raise Problem("invalid-cursor")
    return number


def _number(call: Call, prefix: str, parameter: str, given: str | None) -> int | None:
    if given is None:
        return None
    number = call.ids.read(prefix, given)
    if number is None:
        detail = f"{parameter} is no id of that kind"
        raise Problem(
            "validation-failed", detail, errors=(FieldError("not-found", detail, parameter=parameter),)
        )
    return number


ROUTES = (list_events,)
