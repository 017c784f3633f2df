"""The simulated provider as a service of its own, for dialers in other processes.

    POST /sim/calls        {actions}             place a batch; one result for each, in order
    POST /sim/hangups      {refs}                end calls
    POST /sim/lookups      {attempts}            what became of them; one finding for each, in order
    GET  /sim/events       ?after&limit          events due, again and again until acknowledged
    POST /sim/events/ack   {event_ids}           forget events
    GET  /sim/rings                              every ring so far, NDJSON
    GET  /livez

Errors are problem+json and repeat no value of the body.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_wire import (
    MAX_CALLS,
    Acknowledged,
    Calls,
    Events,
    Findings,
    Hangups,
    Lookups,
    Problem,
    Results,
    to_wire,
)
from scheduler.clock import Clock

_BODY_LIMIT = 1024 * 1024
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_Body = TypeVar("_Body")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_sim_app(provider: SimulatedProvider, clock: Clock) -> web.Application:
    """An application that serves `provider` on the instants of `clock`."""
    routes = _Routes(provider, clock)
    app = web.Application(middlewares=[_problems], client_max_size=_BODY_LIMIT)
    app.router.add_post("/sim/calls", routes.calls)
    app.router.add_post("/sim/hangups", routes.hangups)
    app.router.add_post("/sim/lookups", routes.lookups)
    app.router.add_get("/sim/events", routes.events)
    app.router.add_post("/sim/events/ack", routes.acknowledge)
    app.router.add_get("/sim/rings", routes.rings)
    app.router.add_get("/livez", routes.livez)
    return app


class _Routes:
    def __init__(self, provider: SimulatedProvider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock

    async def calls(self, request: web.Request) -> web.Response:
        actions = (await _read(request, Calls)).actions
        _check_count(len(actions))
        for index, action in enumerate(actions):
            if not _E164.fullmatch(action.to):
                raise _Refused(422, "validation-failed", f"not an E.164 number at $.actions[{index}].to")
        results = await self._provider.place(actions, self._clock.now_ms())
        return _json(Results([to_wire(result) for result in results]))

    async def hangups(self, request: web.Request) -> web.Response:
        refs = (await _read(request, Hangups)).refs
        _check_count(len(refs))
        await self._provider.hang_up(refs, self._clock.now_ms())
        return web.Response(status=204)

    async def lookups(self, request: web.Request) -> web.Response:
        attempts = (await _read(request, Lookups)).attempts
        _check_count(len(attempts))
        return _json(Findings(await self._provider.find(attempts, self._clock.now_ms())))

    async def events(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= MAX_CALLS):
            raise _Refused(422, "validation-failed", f"limit must be 1 to {MAX_CALLS}")
        events = self._provider.events_after(
            self._clock.now_ms(), int(limit), request.query.get("after") or None
        )
        return _json(Events(events, self._provider.next_event_at()))

    async def acknowledge(self, request: web.Request) -> web.Response:
        event_ids = (await _read(request, Acknowledged)).event_ids
        _check_count(len(event_ids))
        await self._provider.acknowledge(event_ids)
        return web.Response(status=204)

    async def rings(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        chunk = bytearray()
        for line in self._provider.rings.lines():
            chunk += line
            if len(chunk) > 65_536:
                await response.write(bytes(chunk))
                chunk.clear()
        if chunk:
            await response.write(bytes(chunk))
        await response.write_eof()
        return response

    async def livez(self, request: web.Request) -> web.Response:
        return _json({"status": "ok"})


class _Refused(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@web.middleware
async def _problems(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every error of a request as a problem; one of ours goes on to the server's log as a 500."""
    try:
        return await handler(request)
    except _Refused as refused:
        return _problem(refused.status, refused.code, refused.detail)
    except web.HTTPRequestEntityTooLarge:
        return _problem(413, "body-too-large", f"a body may have {_BODY_LIMIT} bytes")
    except web.HTTPMethodNotAllowed as error:
        response = _problem(405, "method-not-allowed", "this address takes another method")
        response.headers["Allow"] = error.headers["Allow"]
        return response
    except web.HTTPNotFound:
        return _problem(404, "not-found", "no such address")


async def _read(request: web.Request, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.ValidationError as error:
        raise _Refused(422, "validation-failed", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Refused(400, "malformed-body", "the body is not JSON") from error


def _check_count(count: int) -> None:
    if count > MAX_CALLS:
        raise _Refused(422, "validation-failed", f"at most {MAX_CALLS} at a time")


def _json(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _problem(status: int, code: str, detail: str) -> web.Response:
    body = Problem(f"/problems/{code}", code.replace("-", " "), status, detail, code)
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/problem+json"
    )
