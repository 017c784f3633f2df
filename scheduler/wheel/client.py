"""Connections to Redis or Valkey: no retries in the library, explicit timeouts, errors turned into ours."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import hiredis
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from scheduler.errors import EpochNotReady, ServerUnavailable, SettingsError, StartError

_AWAY = (
    ConnectionError,
    TimeoutError,
    BusyLoadingError,
    ClusterDownError,
    AskError,  # and MovedError: a slot that is sent from node to node, more often than is followed
    TryAgainError,
    OutOfMemoryError,
    ReadOnlyError,
    OSError,
)
_SAID = {
    "OOM": ("Redis has no memory left", "give it more maxmemory; it takes new work when some is freed"),
    "MISCONF": ("Redis cannot write its file", "free its disk; it goes on by itself then"),
    "LOADING": ("Redis is loading its file", "wait for it"),
    "READONLY": ("Redis takes no writes", "name the primary, not a replica"),
    "MASTERDOWN": ("Redis has lost its primary", "bring the primary back"),
    "NOREPLICAS": ("Redis has too few replicas", "bring them back, or lower min-replicas-to-write"),
    "BUSY": ("Redis is busy with a script", "wait for it"),
}
"""Refusals by the first word of the error: what that means, and what to do about it."""

REST_S = 1.0
"""After an answer that did not come the server is left alone for so long."""


class _PacksInC:
    """Commands of hundreds of arguments are packed by hiredis: ten times as fast as the client's own way."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return [hiredis.pack_command((*str(args[0]).split(), *args[1:]))]


class _Tcp(_PacksInC, Connection): ...


class _Tls(_PacksInC, SSLConnection): ...


class _Unix(_PacksInC, UnixDomainSocketConnection): ...


class _Client(Redis):
    """A client that does not let everybody wait in turn for a server that hangs: while one waits for it, or
    has just waited in vain, the others are told so at once."""

    _quiet_until_s = 0.0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The library sends under `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that
        comes when the bytes have just left: the task would go on, and whoever ends it would wait for ever."""
        task = asyncio.current_task()
        asked = task.cancelling() if task else 0
        try:
            return await self._execute(*args, **options)
        finally:
            if task and task.cancelling() > asked:
                raise asyncio.CancelledError

    async def _execute(self, *args: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        if loop.time() < self._quiet_until_s:
            raise TimeoutError("it did not answer a moment ago")
        probing = self._quiet_until_s > 0
        if probing:  # the others hear of it when this one has
            self._quiet_until_s = math.inf
        try:
            answer = await super().execute_command(*args, **options)
        except TimeoutError:
            self._quiet_until_s = loop.time() + REST_S
            raise
        except BaseException:
            if probing:
                self._quiet_until_s = 0.0
            raise
        self._quiet_until_s = 0.0
        return answer


class Servers(Protocol):
    """The servers under a wheel: one, or the nodes of a cluster. Errors are the library's."""

    async def command(self, shard: int, *words: Any) -> Any:
        """Run one command on the server that holds the shard."""
        ...

    async def whereabouts(self, shard: int) -> str:
        """The address of the server that holds the shard: another one after a failover."""
        ...

    async def listener(self, shard: int) -> Redis:
        """A client of one connection to that server, for a read that blocks; closed by who asked."""
        ...

    async def all(self) -> list[Redis]:
        """A client of each server that holds a part of the wheel."""
        ...

    async def close(self) -> None: ...


class OneServer:
    """One server holds every shard."""

    def __init__(self, url: str, *, connections: int, answer_timeout_s: float) -> None:
        self._url = url
        self.client = make_client(url, connections=connections, answer_timeout_s=answer_timeout_s)

    async def command(self, shard: int, *words: Any) -> Any:
        return await self.client.execute_command(*words)

    async def whereabouts(self, shard: int) -> str:
        return self._url

    async def listener(self, shard: int) -> Redis:
        return make_listener(self._url)

    async def all(self) -> list[Redis]:
        return [self.client]

    async def close(self) -> None:
        await self.client.aclose()


BLOCK_S = 20
"""How long a blocking read blocks on the server: it only shows that the connection lives."""


def node_urls(url: str) -> list[str] | None:
    """Of `redis://host:port,host:port?cluster=true` the address of each start node; None for one server.

    Raises SettingsError for several hosts without `cluster=true`, and for a cluster on a unix socket.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    cluster = dict(options).get("cluster", "").lower() in ("true", "yes", "1")
    login, at, hosts = parts.netloc.rpartition("@")
    if not cluster and "," not in hosts:
        return None
    if not cluster or parts.scheme == "unix":
        raise SettingsError(
            "redis_url is no address of a cluster",
            "a cluster is named by one or more of its nodes, over TCP, and cluster=true",
            "write it like redis://10.0.0.1:6379,10.0.0.2:6379?cluster=true",
        )
    query = urlencode([option for option in options if option[0] != "cluster"])
    return [
        urlunsplit((parts.scheme, f"{login}{at}{host}", parts.path, query, "")) for host in hosts.split(",")
    ]


def make_listener(url: str) -> Redis:
    """A client of one connection that waits out a blocking read."""
    return make_client(url, connections=1, answer_timeout_s=2 * BLOCK_S)


def make_client(
    url: str, *, connections: int, answer_timeout_s: float, connect_timeout_s: float = 3.0
) -> Redis:
    """A client of `url` (redis://, rediss:// or unix://) with at most `connections` connections."""
    options: dict[str, Any] = dict(parse_url(url))
    kind = options.pop("connection_class", Connection)
    packing = {UnixDomainSocketConnection: _Unix, SSLConnection: _Tls}.get(kind, _Tcp)
    if packing is not _Unix:
        options["socket_keepalive"] = True
    pool = BlockingConnectionPool(
        max_connections=connections,
        timeout=connect_timeout_s + answer_timeout_s,
        connection_class=packing,
        socket_connect_timeout=connect_timeout_s,
        socket_timeout=answer_timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=3,
        **options,
    )
    return _Client.from_pool(pool)


@contextmanager
def our_errors() -> Iterator[None]:
    """A library's error becomes ours. Raises ServerUnavailable or EpochNotReady."""
    try:
        yield
    except (ResponseError, *_AWAY) as error:
        text = str(error)
        code = getattr(error, "status_code", None) or text.partition(" ")[0]
        if "EPOCH" in text:
            raise EpochNotReady(
                "the wheel is not ready",
                "it is being rebuilt or was lost",
                "the sweeper rebuilds it by itself",
            ) from error
        if code in _SAID:
            what, do = _SAID[code]
            raise ServerUnavailable(what, text, do) from error
        if isinstance(error, _AWAY):
            raise ServerUnavailable(
                "Redis does not answer",
                f"{type(error).__name__}: {error}",
                "check DIALWHEEL_REDIS_URL and the server",
            ) from error
        raise


async def refuse_eviction(servers: Servers) -> None:
    """Raises StartError when a server may drop keys by itself: due calls would vanish without a word."""
    with our_errors():
        memories = [await client.info("memory") for client in await servers.all()]
    for memory in memories:
        policy = str(memory.get("maxmemory_policy", "noeviction"))
        if policy != "noeviction":
            raise StartError(
                f"Redis evicts keys (maxmemory-policy {policy})",
                "an evicting server deletes waiting calls when memory runs short",
                "set maxmemory-policy noeviction on that server",
            )
