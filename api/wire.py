"""What stands between the socket and the handlers: requests that are no HTTP are refused as problems like all
others, and connections that do nothing are let go of before they are too many.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod

from api.ids import request_id
from api.middleware import SERVER
from api.problems import Problem, problem_response

log = structlog.get_logger()

TOLD_AGAIN_S = 60.0
"""A flood of connections is a line in the log a minute."""

_STRANGE = re.compile(r"b['\"][!-~]+ (?P<path>/[!-~]*) HTTP/1\.[01]['\"]")
"""The line of a request whose method the parser does not know, as its error quotes it."""


@dataclass(frozen=True)
class Limits:
    """`idle_s`: how long a connection may go without a whole request, or leave an answer unread;
    `connections`: how many may be open."""

    idle_s: float = 75.0
    connections: int = 4000


LIMITS = web.AppKey("limits", Limits)


class Runner(web.AppRunner):
    """An app's runner, within the app's `LIMITS`."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        limits = self._app.get(LIMITS, Limits())
        options = {**self._kwargs, "keepalive_timeout": limits.idle_s}
        served = (server.request_handler, server.request_factory, options)
        return _Server(limits.connections, self._app.router, *served)


class _Server(web.Server):
    def __init__(
        self, most: int, router: web.UrlDispatcher, handler: Any, factory: Any, options: dict[str, Any]
    ) -> None:
        super().__init__(handler, request_factory=factory, **options)
        self.router = router
        self._most = most
        self._tell_at_s = 0.0

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: Any) -> None:
        """Where one is too many the oldest that asks for nothing goes, the new one itself if all are busy:
        who holds connections open keeps nobody else out."""
        super().connection_made(handler, transport)
        if len(self._connections) <= self._most:
            return
        now_s = self._loop.time()
        if now_s >= self._tell_at_s:
            self._tell_at_s = now_s + TOLD_AGAIN_S
            log.warning("connections_full", connections=self._most)
        idle = (one for one in self._connections if isinstance(one, _Connection) and one.idle)
        next(idle, handler).force_close()


class _Connection(web.RequestHandler):
    @property
    def idle(self) -> bool:
        """It has asked for nothing, or has its answer; one that was let go of is no longer counted."""
        return not (self._request_in_progress or self._messages or self._force_close)

    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """An answer is not read: who leaves it so is cut off, since it would hold its connection for ever."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._forget_unread()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_unread()
        super().connection_lost(exc)

    def _wait_for_reader(self) -> None:
        self._unread = self._loop.call_later(self._keepalive_timeout, self._cut)

    def _cut(self) -> None:
        """But who still sends a file need not read yet: it comes in all the same."""
        request = self._current_request
        if request is not None and not request.content.is_eof():
            self._wait_for_reader()
        elif self.transport is not None:
            self.transport.abort()

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        """A body of which something unreadable came ends there: who reads it need not wait for the rest."""
        super().data_received(data)
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage):
            return
        under_way = [] if self._current_request is None else [self._current_request.content]
        for body in (*under_way, *(body for _, body in self._messages)):
            if not body.is_eof():
                body.set_exception(web.RequestPayloadError("it broke off"))
                body.feed_eof()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPException) and resp.status >= 400:  # raised before our own handlers
            detail = "it expects something other than 100-continue"
            resp = _refusal(Problem("malformed-body", detail), request.path)
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the peer sent stays out of answer and log: it may be anything."""
        log.info("request_unreadable", error=type(exc).__name__, status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        response = _refusal(*_problem(status, exc, self._manager))
        response.headers["Server"] = SERVER
        response.force_close()
        return response


def _refusal(problem: Problem, path: str) -> web.Response:
    named = request_id(None)
    response = problem_response(problem, named, path)
    response.headers["X-Request-Id"] = named
    return response


def _problem(status: int, error: BaseException | None, server: Any) -> tuple[Problem, str]:
    """And the path, where one can be read."""
    if status >= 500:
        return Problem("internal"), ""
    line = _STRANGE.search(error.message) if isinstance(error, BadHttpMethod) else None
    if line is None:
        return Problem("malformed-body", "the request is no HTTP that can be read"), ""
    path = line["path"].partition("?")[0]
    allowed = _methods(server.router, path)
    if not allowed:
        return Problem("not-found"), path
    return Problem("method-not-allowed", "no such method", headers={"Allow": ",".join(allowed)}), path


def _methods(router: web.UrlDispatcher, path: str) -> list[str]:
    """Those of a path; none where there is no such path."""
    found = set()
    for resource in router.resources():
        info = resource.get_info()
        pattern = info.get("pattern")
        if info.get("path") == path or (pattern is not None and pattern.fullmatch(path)):
            found |= {one.method for one in resource}
    return sorted(found)
