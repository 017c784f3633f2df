"""The pool of connections to Postgres, and its errors made ours once.

`synchronous_commit` stays on: a permit or an outcome that was answered is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from scheduler.errors import ServerUnavailable
from scheduler.ledger.statements import statement

Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection
Row: TypeAlias = asyncpg.Record

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, too many connections
    asyncpg.OperatorInterventionError,  # a statement that was canceled, a server on its way down
    asyncpg.PostgresSystemError,
    asyncpg.InterfaceError,
)
"""What a server may answer that is in trouble itself: asked again later it may do better."""


class Database:
    """Runs named statements, alone or inside `transaction()`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        max_connections: int = 12,
        statement_timeout_s: float = 30.0,
        point_reads: bool = False,
    ) -> Database:
        """Raises ServerUnavailable when nothing answers at `url`, which stays out of the message.

        `point_reads` is for the dialer's statements, which fetch rows by key: plans made while a table is
        small must not scan it when it has grown, so they go by index always.
        """
        settings = {
            "application_name": "dialwheel",
            "synchronous_commit": "on",
            "timezone": "UTC",
            "jit": "off",
        }
        if point_reads:
            settings |= dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off")
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=max_connections,
                command_timeout=statement_timeout_s,
                statement_cache_size=256,
                max_cached_statement_lifetime=0,
                reset=_keep_session,
                server_settings=settings,
            )
        except asyncpg.PostgresError as error:
            raise ServerUnavailable(
                "Postgres refused the connection",
                str(error).splitlines()[0],
                "check DIALWHEEL_POSTGRES_URL, or unset it to use the embedded server",
            ) from error
        except (OSError, TimeoutError, ValueError) as error:
            raise ServerUnavailable(
                "Postgres does not answer",
                type(error).__name__ + ": " + str(error).split("\n")[0],
                "start it, check DIALWHEEL_POSTGRES_URL, or unset it to use the embedded server",
            ) from error
        return cls(pool)

    async def close(self) -> None:
        """Give connections five seconds to finish, then cut them."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction on one connection; raises ServerUnavailable when the server is away."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection
        except UNREACHABLE as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection without a transaction: COPY, advisory locks, LISTEN."""
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except UNREACHABLE as error:
            raise _unavailable(error) from error

    async def fetch(self, name: str, *arguments: Any, on: Connection | None = None) -> list[Row]:
        """Rows of the named statement, on a transaction's connection or on one of the pool."""
        if on is not None:
            return await on.fetch(statement(name), *arguments)
        async with self.connection() as connection:
            return await connection.fetch(statement(name), *arguments)

    async def fetch_row(self, name: str, *arguments: Any, on: Connection | None = None) -> Row | None:
        """The first row, or None."""
        if on is not None:
            return await on.fetchrow(statement(name), *arguments)
        async with self.connection() as connection:
            return await connection.fetchrow(statement(name), *arguments)

    async def execute(self, name: str, *arguments: Any, on: Connection | None = None) -> str:
        """Postgres' command tag, such as `UPDATE 3`."""
        if on is not None:
            return await on.execute(statement(name), *arguments)
        async with self.connection() as connection:
            return await connection.execute(statement(name), *arguments)


async def _keep_session(connection: asyncpg.Connection) -> None:
    """Nothing of a session is ever changed, so a connection goes back to the pool without the round trip that
    would reset it; advisory locks are given back by whoever took them."""


def _unavailable(error: BaseException) -> ServerUnavailable:
    return ServerUnavailable(
        "Postgres does not answer",
        type(error).__name__,
        "nothing is dialled until it is back; work goes on by itself then",
    )
