"""Events as they happen, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from api.live.event_ids import read_event_id
from api.live.frames import HEARTBEAT, OPENING
from api.live.listener import Listener
from api.live.replay import replay
from api.live.tickets import make_ticket
from api.live.topics import read_topics
from api.problems import Problem
from api.requests_events import StreamQuery
from api.routing import Call, Reply, route
from api.schemas_events import StreamTicket
from scheduler.errors import DialwheelError

HEARTBEAT_S = 15.0
KEY_S = 1.0
"""So often a stream looks whether its key still holds, which is remembered for the rest of five seconds."""

HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
"""No proxy may hold events back."""


@route("GET", "/v1/events/stream", scope="read", tickets=True, gives=("text/event-stream",))
async def stream_events(call: Call, query: StreamQuery) -> web.StreamResponse:
    """What happens, as it happens (server-sent events), and once a second how things stand.

    `topics`: `tick`, `attempts`, `batch:bat_…`, `lead:lead_…`, separated by commas; without it everything. An
    event's name is its type, its data what `/v1/events` shows. Of attempts, loops and leads 50 a second are
    shown, with `sampled_rate`. Who comes back with `Last-Event-ID` hears what it missed; what is too much or
    too old for that is an event `gap {from, to, count}`. A reader that does not keep up is cut off. Where no
    header can be sent, a `ticket` of `/v1/stream-tickets` opens the stream.
    """
    request, deps = call.request, call.deps
    topics = read_topics(query.topics, call.ids)
    after = _last_seen(call, query)
    if request.method == "HEAD":
        return web.Response(headers=HEADERS)

    def cut() -> None:
        if request.transport is not None:
            request.transport.abort()

    async with deps.feed.listening(call.account_id, topics, cut) as (listener, begun):
        response = web.StreamResponse(headers=HEADERS)
        watch = asyncio.create_task(_watch_key(call, listener, cut))
        try:
            with suppress(ConnectionError):  # who listened has left, or was cut off
                await response.prepare(request)
                await response.write(OPENING)
                if after is not None:
                    database = deps.flow.database
                    async for missed in replay(database, call.ids, call.account_id, topics, after, begun):
                        await response.write(missed)
                await _pass_on(listener, response)
        finally:
            watch.cancel()
    return response


async def _pass_on(listener: Listener, response: web.StreamResponse) -> None:
    """Until the listener is cut off, its key holds no more or the server stops."""
    while not listener.over:
        said = await listener.take(HEARTBEAT_S)
        if not listener.over:
            await response.write(said or HEARTBEAT)


async def _watch_key(call: Call, listener: Listener, cut: Callable[[], None]) -> None:
    """Beside it: neither a ledger that does not answer holds up the stream, nor the reader this."""
    welcome = True
    while welcome:
        await asyncio.sleep(KEY_S)
        welcome = await _still_welcome(call)
    listener.close()
    await asyncio.sleep(KEY_S)
    cut()  # who reads has its end by now


@route("POST", "/v1/stream-tickets", scope="read")
async def make_stream_ticket(call: Call) -> Reply[StreamTicket]:
    """A ticket that opens one event stream within a minute, for readers that can send no header."""
    deps = call.deps
    return Reply(await make_ticket(deps.flow.database, call.ids, deps.clock, call.caller), status=201)


def _last_seen(call: Call, query: StreamQuery) -> int | None:
    """The number of the event that was read last; None for who begins. Raises Problem 400."""
    given = call.request.headers.get("Last-Event-ID") or query.last_event_id
    if given is None:
        return None
    number = read_event_id(call.ids, call.account_id, given)
    if number is None:
        raise Problem("invalid-cursor", "Last-Event-ID is no id of an event of this account")
    return number


async def _still_welcome(call: Call) -> bool:
    """Whether the key still holds and may read; a ledger that is away revokes nothing."""
    try:
        (await call.deps.keys.caller_of_key(call.caller.key_id)).require("read")
    except Problem:
        return False
    except DialwheelError:
        return True
    return True


ROUTES = (stream_events, make_stream_ticket)
