"""Around every request: its id, its problem instead of any exception, its figure in the metrics, its log
line.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from api.ids import request_id
from api.problems import Problem, problem_of, problem_response
from api.rate_limits import HEADERS
from api.routing import REQUEST_ID
from scheduler.errors import DialwheelError
from scheduler.metrics import Metrics

log = structlog.get_logger()
root_logger = logging.getLogger()

SERVER = "dialwheel"
"""What answers say they come from: no versions, which tell what to try."""

STARTED = web.RequestKey("started", bool)
"""Set once the head of the response is on its way."""

LEFT = 499
"""What is counted, and sent to nobody, where the caller left in the middle of its answer."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BY_STATUS = {
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def make_edge(metrics: Metrics) -> Middleware:
    """The outermost middleware of an app."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s = time.perf_counter()
        request[REQUEST_ID] = request_id(request.headers.get("X-Request-Id"))
        response = await _answer(request, handler)
        resource = request.match_info.route.resource
        template = resource.canonical if resource is not None else "unmatched"
        method = request.method if request.method in _METHODS else "other"
        seconds = time.perf_counter() - began_s
        metrics.http(template, method, response.status, seconds)
        if root_logger.isEnabledFor(logging.DEBUG):
            log.debug(
                "request_answered",
                method=method,
                route=template,
                status=response.status,
                ms=round(seconds * 1000, 1),
                request_id=request[REQUEST_ID],
            )
        return response

    return edge


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ConnectionError as error:
        if request.transport is None or request.transport.is_closing():
            return web.Response(status=LEFT)
        return _fault(request, error)
    except Problem as problem:
        return _respond(request, problem)
    except DialwheelError as error:
        expected = problem_of(error)
        if expected is None:
            return _fault(request, error)
        return _respond(request, expected)
    except web.HTTPMethodNotAllowed as error:
        allowed = ",".join(sorted(error.allowed_methods))
        return _respond(request, Problem("method-not-allowed", headers={"Allow": allowed}))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _respond(request, Problem(_BY_STATUS.get(error.status, "malformed-body")))
    except Exception as error:
        return _fault(request, error)


def _respond(request: web.Request, problem: Problem) -> web.Response:
    _cut_if_started(request)
    if problem.status >= 500:
        log.warning("request_refused", code=problem.code, why=problem.detail, request_id=request[REQUEST_ID])
    return problem_response(problem, request[REQUEST_ID], request.path)


def _fault(request: web.Request, error: Exception) -> web.Response:
    """The log says where it broke; the error's own text may quote rows, so it stays out."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    log.error(
        "request_failed",
        error=type(error).__name__,
        where=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
        request_id=request[REQUEST_ID],
    )
    _cut_if_started(request)
    return problem_response(Problem("internal"), request[REQUEST_ID], request.path)


def _cut_if_started(request: web.Request) -> None:
    """A stream that breaks must not look like one that ended well."""
    if request.get(STARTED) and request.transport is not None:
        request.transport.abort()


async def put_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal before the head of any response is written, streamed ones as well."""
    request[STARTED] = True
    response.headers.setdefault("X-Request-Id", request.get(REQUEST_ID) or request_id(None))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = SERVER
    for name, said in request.get(HEADERS, {}).items():
        response.headers.setdefault(name, said)
    response.headers.setdefault("Cache-Control", "no-store")
