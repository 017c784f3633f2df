"""One request to an integrator: sent once, never redirected, its answer not kept."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

from dialer.webhooks.egress import PublicResolver, read_url
from dialer.webhooks.names import SystemNames

TOTAL_S = 15.0
"""From looking up the name to the end of the answer."""

ANSWER_BYTES = 64 * 1024
"""So much of an answer is read, to keep its connection; of a longer one the connection is closed."""


class Answer(msgspec.Struct, frozen=True):
    """How a try went. `status`: None when none arrived. `error`: what is wrong with it, None for a 2xx; it
    never holds an address nor anything of what was answered. `retry_after_s`: where the endpoint asked."""

    status: int | None
    error: str | None
    retry_after_s: float | None = None


class WebhookSender:
    """Sends to any allowed address. `allow_private`: to private ones and over http as well, for tests and
    closed networks. `names`: who looks them up. Close it when done."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        names: AbstractResolver | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self._allow_private = allow_private
        self._names = names or SystemNames()
        self._timeout = aiohttp.ClientTimeout(total=total_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Whatever goes wrong is an answer. The address is judged anew each time, and its name looked up for
        each connection."""
        try:
            checked = read_url(url, allow_private=self._allow_private)
        except ValueError as error:
            return Answer(None, f"refused: {error}")
        sent = {**headers, "Content-Type": "application/json", "User-Agent": "dialwheel"}
        try:
            async with self._open().post(checked, data=body, headers=sent, allow_redirects=False) as response:
                await _drain(response)
                error_ = None if 200 <= response.status < 300 else f"http {response.status}"
                return Answer(response.status, error_, _seconds(response.headers))
        except TimeoutError:
            return Answer(None, "timeout")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, _word(error))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._names.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(
                    limit=0,  # who sends bounds it: no slow endpoint keeps another one's request waiting
                    use_dns_cache=False,
                    resolver=self._names if self._allow_private else PublicResolver(self._names),
                ),
                auto_decompress=False,
            )
        return self._session


async def _drain(response: aiohttp.ClientResponse) -> None:
    read = 0
    async for chunk in response.content.iter_chunked(16_384):
        read += len(chunk)
        if read > ANSWER_BYTES:
            response.close()
            return


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Of `Retry-After`: a number, or an instant by the clock of who answers, which `Date` shows."""
    said = headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        wait = parsedate_to_datetime(said) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # one of them is missing, is no date, or tells no zone
        return None
    return max(0.0, wait.total_seconds())


def _word(error: Exception) -> str:
    """The kind of an error: its text may hold the address."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    name = type(cause).__name__
    return "refused: a private or special address" if name == "NotPublic" else name
