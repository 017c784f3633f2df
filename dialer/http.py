"""The one HTTP client: sends once, never retries, follows no redirect, and says how far a request came.

Whether a call was made is decided from that: `judge` turns an exchange into "not dialled", "unknown" or an
answer to read. What cannot be told is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from dialer.providers.base import HELD, NotDialled, Unknown

CONNECT_S = 3.0
TOTAL_S = 10.0
CONNECTIONS = 32
MAX_REPLY_BYTES = 16 * 1024 * 1024

_BEFORE_THE_FIRST_BYTE = (
    aiohttp.ClientConnectorError,  # DNS, refused, unreachable, TLS
    aiohttp.ConnectionTimeoutError,  # connecting, or waiting for a connection of our pool
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)
REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422})
"""Statuses that mean "no" when the provider's own body says so. Not among them: 408 and 425, which leave the
work open, and 409, which proves that it was done before."""


class Reply(msgspec.Struct, frozen=True):
    """A whole response arrived. `retry_after_s`: from the header, where it is a number of seconds."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class NoReply(msgspec.Struct, frozen=True):
    """None arrived. `began`: a byte of the request may have reached the other side. `held`: kept back by
    `may_leave`. `reason`: no address."""

    began: bool
    reason: str
    held: bool = False


Exchange: TypeAlias = Reply | NoReply


class HttpClient:
    """Requests to one base address over kept connections. Close it when done.

    Only POST may have effects: the library itself repeats a GET once when a kept connection turns out to be
    closed, a POST never.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
        connections: int = CONNECTIONS,
        keepalive_s: float = 4.0,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._headers = dict(headers or {})
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s)
        self._connections = connections
        # Shorter than servers keep theirs, so that a request seldom meets a connection being closed.
        self._keepalive_s = keepalive_s
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        path: str,
        body: object,
        *,
        may_leave: Callable[[], bool] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Exchange:
        """Send `body` as JSON, once. `may_leave` is asked when the connection is there and nothing is left to
        do but to write; if it says no, nothing is sent."""
        data = _Gated(msgspec.json.encode(body), may_leave)
        return await self._send("POST", path, data=data, headers=headers)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Exchange:
        """Read without effect."""
        return await self._send("GET", path, params=params)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(
        self,
        method: str,
        path: str,
        *,
        data: _Gated | None = None,
        params: Mapping[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Exchange:
        try:
            async with self._open().request(
                method,
                self._base + path,
                data=data,
                params=params,
                headers={**(headers or {}), "Content-Type": "application/json"} if data is not None else None,
                allow_redirects=False,
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(65_536):
                    body += chunk
                    if len(body) > MAX_REPLY_BYTES:
                        return NoReply(True, "reply too large")
                retry_after = response.headers.get("Retry-After", "")
                return Reply(response.status, bytes(body), _seconds(retry_after))
        except _BEFORE_THE_FIRST_BYTE as error:
            return NoReply(False, type(error).__name__)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if data is not None and not data.leaving:
                return NoReply(False, type(error).__name__, data.held)
            return NoReply(True, type(error).__name__)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                timeout=self._timeout,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=self._keepalive_s),
            )
        return self._session


class _Gated(BytesPayload):
    """A body that asks once more at the last moment. aiohttp keeps the headers back until there is a body to
    send them with, so that nothing has left when the answer is no.

    `held`: the answer was no. `leaving`: it was asked and the answer was yes.
    """

    def __init__(self, body: bytes, may_leave: Callable[[], bool] | None) -> None:
        super().__init__(body, content_type="application/json")
        self._may_leave = may_leave
        self.held = False
        self.leaving = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._may_leave is not None and not self._may_leave():
            self.held = True
            raise ConnectionError("it might not leave any more")
        self.leaving = True
        await super().write_with_length(writer, content_length)


def judge(exchange: Exchange, is_own_error: Callable[[bytes], bool]) -> NotDialled | Unknown | bytes:
    """What an exchange that should have dialled proves; the body to read when it was a 2xx.

    `is_own_error` tells a provider's error from that of a proxy in between, which proves nothing.
    The caller answers Unknown when the body of a 2xx cannot be read.
    """
    if isinstance(exchange, NoReply):
        if exchange.held:
            return HELD
        return Unknown(exchange.reason) if exchange.began else NotDialled(exchange.reason, "route")
    status = exchange.status
    if 200 <= status < 300:
        return exchange.body
    if status == 429:
        return NotDialled("http 429", "account", exchange.retry_after_s)
    if status in REFUSALS and is_own_error(exchange.body):
        scope = "account" if status in (401, 402, 403) else "route"
        return NotDialled(f"http {status}", scope, exchange.retry_after_s)
    return Unknown(f"http {status}")


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
