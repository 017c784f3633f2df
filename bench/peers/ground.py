"""The servers that all peers share in a run, made empty for each: Valkey flushed, a database of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from redis import Redis

from bench.site import Site

T = TypeVar("T")
DATABASE = "peer"


class Ground:
    """`socket` and `postgres` name the servers to a peer."""

    def __init__(self, site: Site) -> None:
        self.socket = site.settings.redis_url.removeprefix("unix://")
        self._admin = site.settings.postgres_url
        self.postgres = self._admin.replace("/dialwheel?", f"/{DATABASE}?")
        self._redis = Redis(unix_socket_path=self.socket)

    def empty(self, store: str) -> None:
        """As a fresh server: nothing in it, no rewriting of files under way."""
        if store == "valkey":
            self._redis.flushall(asynchronous=False)
            self._quiet()
            self._redis.bgrewriteaof()
            self._quiet()
        else:
            self._sql(self._recreate)

    def size(self, store: str) -> int:
        """Bytes that the jobs take: Valkey's memory without buffers, or tables with their indexes."""
        if store == "postgres":
            return self._sql(_relation_bytes, DATABASE)
        self._quiet()
        facts = self._redis.info("memory")
        return int(facts["used_memory"]) - int(facts["mem_clients_normal"]) - int(facts["mem_aof_buffer"])

    def versions(self) -> dict[str, str]:
        facts = self._redis.info("server")
        return {
            "valkey": str(facts.get("valkey_version") or facts["redis_version"]),
            "postgres": self._sql(lambda one: one.fetchval("SHOW server_version")),
        }

    def close(self) -> None:
        self._redis.close()

    def _quiet(self) -> None:
        """Until the server has written its append-only file anew, where it is at that."""
        while True:
            facts = self._redis.info("persistence")
            if not (facts["aof_rewrite_in_progress"] or facts["aof_rewrite_scheduled"]):
                return
            time.sleep(0.02)

    def _sql(self, ask: Callable[[asyncpg.Connection], Awaitable[T]], database: str | None = None) -> T:
        async def asked() -> T:
            connection = await asyncpg.connect(self.postgres if database else self._admin)
            try:
                return await ask(connection)
            finally:
                await connection.close()

        return asyncio.run(asked())

    async def _recreate(self, connection: asyncpg.Connection) -> None:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.execute("CHECKPOINT")  # what the peer before has written is its own cost


async def _relation_bytes(connection: asyncpg.Connection) -> int:
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text"
            " NOT IN ('pg_catalog', 'information_schema')"
        )
    )
