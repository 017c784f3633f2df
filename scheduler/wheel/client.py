"""Connections to Redis or Valkey: no retries in the library, explicit timeouts, errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hiredis
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

from scheduler.errors import EpochNotReady, ServerUnavailable, StartError

_AWAY = (
    ConnectionError,
    TimeoutError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    OSError,
)
_AWAY_CODES = ("MISCONF", "NOREPLICAS", "OOM", "BUSY ", "LOADING", "MASTERDOWN")


class _PacksInC:
    """Commands of hundreds of arguments are packed by hiredis: ten times as fast as the client's own way."""

    def pack_command(self, *args: Any) -> list[bytes]:
        return [hiredis.pack_command((*str(args[0]).split(), *args[1:]))]


class _Tcp(_PacksInC, Connection): ...


class _Tls(_PacksInC, SSLConnection): ...


class _Unix(_PacksInC, UnixDomainSocketConnection): ...


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
    return Redis.from_pool(pool)


@contextmanager
def our_errors() -> Iterator[None]:
    """A library's error becomes ours. Raises ServerUnavailable or EpochNotReady."""
    try:
        yield
    except _AWAY as error:
        raise ServerUnavailable(
            "Redis does not answer",
            f"{type(error).__name__}: {error}",
            "check DIALWHEEL_REDIS_URL and the server",
        ) from error
    except ResponseError as error:
        text = str(error)
        if "EPOCH" in text:
            raise EpochNotReady(
                "the wheel is not ready",
                "it is being rebuilt or was lost",
                "the sweeper rebuilds it by itself",
            ) from error
        if text.startswith(_AWAY_CODES):
            raise ServerUnavailable("Redis refuses to write", text, "free its memory or its disk") from error
        raise


async def refuse_eviction(client: Redis) -> None:
    """Raises StartError when the server may drop keys by itself: due calls would vanish without a word."""
    with our_errors():
        memory = await client.info("memory")
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise StartError(
            f"Redis evicts keys (maxmemory-policy {policy})",
            "an evicting server deletes waiting calls when memory runs short",
            "set maxmemory-policy noeviction on that server",
        )
