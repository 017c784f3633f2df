"""Routes as values: `@route("POST", "/v1/leads", scope="leads:write")` on a function with types.

The handler's annotations say what comes in and goes out: `body` and `query` are msgspec structs, the return
is a `Reply` of one. A route knows its types, so that its description can be generated from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints
from weakref import WeakValueDictionary

import msgspec
from aiohttp import web
from aiohttp.web import RequestPayloadError

from api.auth import Caller
from api.decoding import decode_body, decode_query, in_utf8
from api.deps import Deps
from api.idempotency import KEPT, once
from api.intake import SCOPE as INTAKE
from api.live.tickets import caller_with_ticket
from api.preconditions import names, require_match, require_possible, tag_of_object
from api.problems import Problem
from scheduler.ledger.audit import Actor
from scheduler.ledger.guards import guarded
from scheduler.ledger.tenancy import serving
from scheduler.public_ids import PublicIds

REQUEST_ID = web.RequestKey("request_id", str)
BODY_WITHIN_S = 30.0
"""A JSON body that takes longer to arrive is given up."""

NOBODY = Caller(0, "", frozenset())
"""Who asks where no key is needed: no account has the number 0."""

ID = r"{id:[a-z]{2,4}_[^/]+}"
"""An id begins with its kind: `search` beside `{id}` is none."""

T = TypeVar("T")


class NoQuery(msgspec.Struct, forbid_unknown_fields=True):
    """For routes without parameters, or without a body: whatever is named is unknown."""


@dataclass(frozen=True)
class Reply(Generic[T]):
    """What a handler answers, before it is bytes. `kept`: what is stored for a repeated `Idempotency-Key`
    instead, where the body holds a secret that is shown once."""

    body: T
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kept: T | None = None


@dataclass(frozen=True)
class Call:
    """One request under way: who asks, for what, with what at hand."""

    request: web.Request
    deps: Deps
    caller: Caller
    request_id: str

    @property
    def account_id(self) -> int:
        return self.caller.account_id

    @property
    def actor(self) -> Actor:
        return Actor(f"key:{self.caller.key_id}", self.request_id, self.request.remote)

    @property
    def ids(self) -> PublicIds:
        return self.deps.ids

    def require_live_key(self, why: str) -> None:
        """Raises Problem 403: real calls are not to be had with a test key."""
        if self.caller.environment == "test":
            raise Problem("scope-missing", why, hint="make a live key with: dialwheel keys create --live")

    def id(self, prefix: str) -> int:
        """The number behind `{id}` in the path; Problem 404 for what never was an id of this kind."""
        number = self.ids.read(prefix, self.request.match_info["id"])
        if number is None:
            raise Problem("not-found")
        return number


Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """One method of one path, with its types."""

    method: str
    path: str
    scope: str | None
    handler: Handler
    body: type | None
    query: type
    reply: type | None
    streams: bool
    answers: tuple[int, ...]
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    if_match: bool = False
    tickets: bool = False
    compares: bool = False

    @property
    def name(self) -> str:
        """Of the operation: no two routes have the same."""
        return f"{self.handler.__module__.rpartition('.')[2]}_{self.handler.__name__}"


def route(
    method: str,
    path: str,
    *,
    scope: str | None,
    streams: bool = False,
    answers: tuple[int, ...] = (),
    query: type | None = None,
    takes: tuple[str, ...] = (),
    gives: tuple[str, ...] = (),
    if_match: bool = False,
    tickets: bool = False,
    compares: bool = False,
    body: type | None = None,
) -> Callable[[Handler], Route]:
    """Make a Route of a handler.

    `scope` None: needs no key. `streams`: the handler reads the request's body by itself. The rest says what
    its types do not: `answers`: the statuses of its successes (by method, see `_successes`), `query` and
    `body` of one that streams, media types that it `takes` and `gives` beside JSON, `if_match`: that it needs
    the header, `compares`: that it looks by itself at one that is sent, `tickets`: that a ticket in the query
    does for a key.
    """

    def of(handler: Handler) -> Route:
        hints = get_type_hints(handler)
        answer = hints.get("return")
        reply = get_args(answer)[0] if get_origin(answer) is Reply else None
        return Route(
            method,
            path,
            scope,
            handler,
            body or hints.get("body"),
            query or hints.get("query", NoQuery),
            reply,
            streams,
            answers or _successes(method, path, query or hints.get("query", NoQuery)),
            takes,
            gives,
            if_match,
            tickets,
            compares,
        )

    return of


def _successes(method: str, path: str, query: type) -> tuple[int, ...]:
    """POST to a collection makes something, or rehearses that; POST to something acts on it."""
    if method == "POST" and "{" not in path:
        return (201, 200) if "dry_run" in query.__struct_fields__ else (201,)  # type: ignore[attr-defined]
    return (204,) if method == "DELETE" else (200,)


def add_routes(app: web.Application, routes: tuple[Route, ...], deps: Deps) -> None:
    shows, with_tags = showing(routes), tagged(routes)
    for one in routes:
        path = one.path.replace("{id}", ID)
        has_tag = one.name in with_tags
        app.router.add_route(one.method, path, _handle(one, deps, has_tag, shows.get(one.name)))
        if one.method == "GET":
            app.router.add_route("HEAD", path, _handle(one, deps, has_tag))


def tagged(routes: Sequence[Route]) -> set[str]:
    """The names of those whose answers have an `ETag`: an object as a GET shows it, a list, a change."""
    shown = {one.reply for one in routes if one.method == "GET" and isinstance(one.reply, type)}
    return {
        one.name
        for one in routes
        if one.reply is not None and (one.method in ("GET", "PATCH") or one.reply in shown)
    }


def showing(routes: Sequence[Route]) -> dict[str, Route]:
    """By the name of each change that does not ask for `If-Match`: what shows the object that it changes, or
    that something is done to."""
    shows = {one.path: one for one in routes if one.method == "GET" and one.query is NoQuery}
    changes = [one for one in routes if one.scope not in (None, "read") and not (one.if_match or one.streams)]
    objects = {
        one.name: one.path.rpartition("/")[0] if one.method == "POST" else one.path
        for one in changes
        if one.method in ("POST", "PATCH", "PUT", "DELETE")
    }
    return {name: shows[path] for name, path in objects.items() if path in shows}


def _handle(
    one: Route, deps: Deps, has_tag: bool, shows: Route | None = None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """`shows`: answers the object whose tag an `If-Match` names that this route does not ask for."""
    turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()
    shown = one.reply if one.method != "POST" or "{" not in one.path else None

    async def straight(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await one.handler(Call(request, deps, NOBODY, request[REQUEST_ID]))
        return response

    if one.scope is None and one.streams:  # nobody to admit, nothing to keep
        return straight

    async def handle(request: web.Request) -> web.StreamResponse:
        if one.scope is None:
            return await answer(request, Call(request, deps, NOBODY, request[REQUEST_ID]))
        await deps.rate_limits.admit(request)
        caller = await _caller(one, deps, request)
        caller.require(one.scope)
        with serving(caller.account_id):
            return await answer(request, Call(request, deps, caller, request[REQUEST_ID]))

    async def answer(request: web.Request, call: Call) -> web.StreamResponse:
        if shows is not None or one.compares:
            require_possible(request)
        if one.streams:  # the body is not known before it is used: its length must do
            raw = str(request.content_length).encode()
        else:
            raw = await read_body(request, deps.settings.body_max)

        async def act() -> web.StreamResponse:
            arguments: dict[str, Any] = {}
            if one.streams:
                return await one.handler(call)
            query: Any = decode_query(query_values(request), one.query)
            if one.query is not NoQuery:
                arguments["query"] = query
            if one.body is not None:
                arguments["body"] = decode_body(raw, one.body, shown)
            elif raw:  # many clients send `{}` with every POST
                decode_body(raw, NoQuery)
            if shows is None or one.compares or "If-Match" not in request.headers:
                return _response(request, await one.handler(call, **arguments), has_tag)
            object_ = "/".join(request.path.split("/")[: shows.path.count("/") + 1])

            async def unchanged(on: Any = None) -> None:
                if on is not None:
                    await deps.flow.database.execute("change_turn", call.account_id, object_, on=on)
                found = await shows.handler(call)
                require_match(request, found.body, found.headers.get("ETag"))

            async with turns.setdefault((call.account_id, object_), asyncio.Lock()):
                await unchanged()
                with guarded(unchanged):  # of those who have read the same, here or elsewhere, one changes it
                    return _response(request, await one.handler(call, **arguments), has_tag)

        if one.method != "POST" or one.scope is None:
            return await act()
        with deps.intake.request() if one.scope == INTAKE and not one.streams else nullcontext():
            return await once(
                deps.flow.database,
                deps.clock,
                request,
                account_id=call.account_id,
                request_id=call.request_id,
                raw=raw,
                act=act,
            )

    return handle


async def _caller(one: Route, deps: Deps, request: web.Request) -> Caller:
    """Raises Problem 401."""
    header, ticket = request.headers.get("Authorization"), request.query.get("ticket")
    if one.tickets and header is None and ticket is not None:
        return await caller_with_ticket(deps.flow.database, deps.ids, deps.clock, deps.keys, ticket)
    return await deps.keys.caller_of(header)


async def read_body(request: web.Request, limit: int) -> bytes:
    """The JSON body, at most `limit` bytes. Raises Problem 400, 413 or 415."""
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem("unsupported-media-type", "Content-Encoding is taken by imports only")
    try:
        body = await _whole(request, limit)
    except TimeoutError:
        raise Problem("malformed-body", f"the body did not arrive within {BODY_WITHIN_S:.0f} s") from None
    except (RequestPayloadError, web.HTTPException):
        raise Problem("malformed-body", "the body broke off") from None
    if len(body) > limit:
        raise _too_large(limit)
    if body and not (request.content_type == "application/json" and in_utf8(request.charset)):
        raise Problem("unsupported-media-type", "send application/json in UTF-8")
    return body


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"a body here has {limit} bytes at most")


async def _whole(request: web.Request, limit: int) -> bytes:
    """The body, or its beginning where that alone is more than `limit` bytes."""
    if request.content.is_eof():  # a small one comes with its head, and nobody need watch the time
        return request.content.read_nowait()
    body = bytearray()
    async with asyncio.timeout(BODY_WITHIN_S):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                break
    return bytes(body)


def query_values(request: web.Request) -> dict[str, list[str]]:
    return {name: request.query.getall(name) for name in request.query}


def _response(request: web.Request, reply: Any, has_tag: bool) -> web.StreamResponse:
    """`has_tag`: the body is an object as a GET answers it, and its tag is the object's."""
    if isinstance(reply, web.StreamResponse):
        return reply
    body = msgspec.json.encode(reply.body)
    headers = dict(reply.headers)
    if has_tag:
        headers.setdefault("ETag", tag_of_object(reply.body, body))
    if request.method in ("GET", "HEAD") and names(request.headers.get("If-None-Match"), headers["ETag"]):
        return web.Response(status=304, headers=headers)
    if reply.status == 204:
        return web.Response(status=204, headers=headers)
    response = web.Response(status=reply.status, body=body, content_type="application/json", headers=headers)
    if reply.kept is not None:
        response[KEPT] = msgspec.json.encode(reply.kept)
    return response
