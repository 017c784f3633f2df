"""Requests that are no HTTP: refused as problems like all others, before any handler sees them."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

from api.ids import request_id
from api.problems import Problem, problem_response

log = structlog.get_logger()


class Runner(web.AppRunner):
    """An app's runner whose connections answer what cannot be read with a problem."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return _Server(server.request_handler, request_factory=server.request_factory, **self._kwargs)


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
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
        response = problem_response(_problem(status, exc), request_id(None), "")
        response.force_close()
        return response


def _problem(status: int, error: BaseException | None) -> Problem:
    if isinstance(error, BadHttpMethod):
        return Problem("method-not-allowed", "no such method")
    if status >= 500:
        return Problem("internal")
    return Problem("malformed-body", "the request is no HTTP that can be read")
