"""`Idempotency-Key` on any POST: what was done once is answered again, not done again.

What stands behind each endpoint is idempotent by itself (leads by phone, opt-outs by phone, pauses by state),
so a request whose process died before its reply was kept may be done anew without harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from api.problems import FieldError, Problem, problem_of, problem_response
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.ledger import idempotency as ledger
from scheduler.ledger.database import Database
from scheduler.ledger.idempotency import Begin, StoredReply

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
FORGET_S = 0.5
"""A caller whose request failed waits so long for its key to be free again; with the ledger away it becomes
free by itself a minute later."""

COMPARE_S = 600.0
"""A body that is only compared arrives within this."""

KEPT = web.ResponseKey("kept", bytes)
"""What is stored instead of a body that holds a secret."""

_READ: web.RequestKey[Any] = web.RequestKey("read")
"""Of a body that is used while it arrives: what was read of it."""

_BODY = "Body"
"""Beside the kept headers: the hash of a body that was read to its end."""

_forgetting: set[asyncio.Task[None]] = set()
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")


class KeptStream(web.StreamResponse):
    """A streamed response; `kept` is the body that a replay gets."""

    kept: bytes = b""


async def next_chunk(request: web.Request) -> bytes:
    """What comes next of a body that is used while it arrives; nothing at its end."""
    chunk = await request.content.readany()
    if _READ not in request:
        request[_READ] = hashlib.sha256()
    request[_READ].update(chunk)
    return chunk


async def once(
    database: Database,
    clock: Clock,
    request: web.Request,
    *,
    account_id: int,
    request_id: str,
    raw: bytes,
    act: Callable[[], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Do `act` unless the request's key says that it was done. Without a key, just do it."""
    key = _key(request)
    if key is None:
        return await act()
    begun = await ledger.begin(database, account_id, key, _fingerprint(request, raw), clock.wall_ms())
    if isinstance(begun, StoredReply):
        body = begun.headers.pop(_BODY, None)
        if body is not None and body != await _hash_of(request):
            begun = Begin.REUSED
    if isinstance(begun, StoredReply):
        return web.Response(status=begun.status, body=begun.body, headers={**begun.headers, REPLAYED: "true"})
    if begun is Begin.IN_PROGRESS:
        raise Problem("idempotency-in-progress", headers={"Retry-After": "1"})
    if begun is Begin.REUSED:
        raise Problem(
            "idempotency-key-reused", errors=(_header_error("reused", "belongs to another request"),)
        )
    return await _act_and_keep(database, clock, request, account_id, request_id, key, act)


async def _act_and_keep(
    database: Database,
    clock: Clock,
    request: web.Request,
    account_id: int,
    request_id: str,
    key: str,
    act: Callable[[], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    alive = asyncio.create_task(_stay_alive(database, clock, account_id, key))
    kept = False
    try:
        try:
            response = await act()
        except (Problem, DialwheelError) as error:
            problem = error if isinstance(error, Problem) else problem_of(error)
            if problem is None or problem.status >= 500 or problem.status == 429:
                raise
            response = problem_response(problem, request_id, request.path)
        if response.status < 400 and not request.content.at_eof():
            return response  # the body broke off: whoever sends it again gets all of it in
        with contextlib.suppress(DialwheelError):  # the work is done and is answered, kept or not
            await ledger.finish(database, account_id, key, _stored(request, response), clock.wall_ms())
            kept = True
        return response
    finally:
        alive.cancel()
        if not kept:
            forgetting = asyncio.create_task(_forget(database, account_id, key))
            _forgetting.add(forgetting)
            forgetting.add_done_callback(_forgetting.discard)
            await asyncio.wait({forgetting}, timeout=FORGET_S)


async def _forget(database: Database, account_id: int, key: str) -> None:
    with contextlib.suppress(DialwheelError):
        await ledger.forget(database, account_id, key)


async def _stay_alive(database: Database, clock: Clock, account_id: int, key: str) -> None:
    while True:
        await asyncio.sleep(ledger.TOUCH_MS / 1000)
        with contextlib.suppress(DialwheelError):
            await ledger.touch(database, account_id, key, clock.wall_ms())


def _key(request: web.Request) -> str | None:
    said = request.headers.getall(HEADER, [])
    if not said:
        return None
    key = said[0]
    if len(said) > 1 or not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Problem(
            "validation-failed", errors=(_header_error("invalid", "1 to 255 printable characters"),)
        )
    return key


def _header_error(code: str, detail: str) -> FieldError:
    return FieldError(code, detail, header=HEADER)


def _fingerprint(request: web.Request, raw: bytes) -> bytes:
    """What makes two requests the same: all but the headers that may differ between tries."""
    said = (request.method, request.raw_path, request.headers.get("Content-Type", ""))
    return hashlib.sha256("\n".join(said).encode() + b"\n" + raw).digest()


async def _hash_of(request: web.Request) -> str:
    """Raises Problem 400 where the body breaks off."""
    try:
        async with asyncio.timeout(COMPARE_S):
            while await next_chunk(request):
                pass
    except (TimeoutError, OSError, web.RequestPayloadError):
        raise Problem("malformed-body", "the body broke off") from None
    return request[_READ].hexdigest()


def _stored(request: web.Request, response: web.StreamResponse) -> StoredReply:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    if _READ in request and request.content.at_eof():
        headers[_BODY] = request[_READ].hexdigest()
    if isinstance(response, KeptStream):
        return StoredReply(response.status, headers, response.kept)
    body = response.get(KEPT, response.body) if isinstance(response, web.Response) else None
    return StoredReply(response.status, headers, bytes(body) if isinstance(body, bytes | bytearray) else b"")
