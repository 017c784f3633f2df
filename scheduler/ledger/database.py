"""The pool of connections to Postgres, and its errors made ours once.

`synchronous_commit` stays on: a permit or an outcome that was answered is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import asyncpg

from scheduler.errors import Overloaded, ServerUnavailable
from scheduler.ledger import guards
from scheduler.ledger.outages import UNREACHABLE, unavailable
from scheduler.ledger.statements import statement
from scheduler.ledger.tenancy import ROLE, TenantConnection, served

Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection
Row: TypeAlias = asyncpg.Record

CONNECT_S = 3.0
WAIT_S = 5.0
STATEMENT_S = 15.0
"""How long a connection, a free one, and an answer are waited for, unless a setting says otherwise."""

IDLE_S = 10.0
"""Between two statements of a transaction we plan at most a chunk of leads, or write it on the wheel."""

CLEAN_UP_S = 1.0
"""A connection whose work broke off is given so long to be fit for the next; else it is cut."""


class Database:
    """Runs named statements, alone or inside `transaction()`. Nothing here waits without end: a server that
    swallows all it is sent costs at most the wait for a connection, a statement, and the clearing up.

    While an account is served (`tenancy.serving`) they run on connections that see that account alone.
    """

    def __init__(self, pool: asyncpg.Pool, tenants: asyncpg.Pool, *, wait_s: float = WAIT_S) -> None:
        self._pool = pool
        self._tenants = tenants
        self._wait_s = wait_s

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        max_connections: int = 12,
        connect_s: float = CONNECT_S,
        wait_s: float = WAIT_S,
        statement_s: float = STATEMENT_S,
        idle_s: float = IDLE_S,
        point_reads: bool = False,
    ) -> Database:
        """Raises ServerUnavailable when nothing answers at `url`, which stays out of the message.

        `idle_s`: the server ends a transaction that its process leaves standing for so long, and frees the
        rows that it has locked: a process that is frozen would hold up everybody else.

        `point_reads` is for the dialer's statements, which fetch rows by key: plans made while a table is
        small must not scan it when it has grown, so they go by index always.
        """
        settings = {
            "application_name": "dialwheel",
            "synchronous_commit": "on",
            "timezone": "UTC",
            "jit": "off",
            "idle_in_transaction_session_timeout": str(max(1, int(idle_s * 1000))),
        }
        if point_reads:
            settings |= dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off")
        options: dict[str, Any] = {
            "min_size": 0,  # else the pool tries without a pause while the server is away, and logs it all
            "max_size": max_connections,
            "timeout": connect_s,
            "command_timeout": statement_s,
            "statement_cache_size": 256,
            "max_cached_statement_lifetime": 0,
            "reset": _keep_session,
        }
        try:
            pool = await asyncpg.create_pool(url, server_settings=settings, **options)
            tenants = await asyncpg.create_pool(
                url, server_settings=settings | {"role": ROLE}, connection_class=TenantConnection, **options
            )
            try:
                async with pool.acquire():
                    pass
            except BaseException:
                pool.terminate()
                raise
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
        return cls(pool, tenants, wait_s=wait_s)

    async def close(self) -> None:
        """Give connections five seconds to finish, then cut them."""
        pools = (self._pool, self._tenants)
        try:
            await asyncio.wait_for(asyncio.gather(*(pool.close() for pool in pools)), 5)
        except TimeoutError:
            for pool in pools:
                pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction on one connection. Raises ServerUnavailable when the server is away or in trouble,
        Overloaded when no connection came free."""
        async with self.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await guards.begun(connection)
                yield connection
            except BaseException:
                await _roll_back(connection, transaction)
                raise
            try:
                await transaction.commit()
            except BaseException:
                connection.terminate()  # committed or not: nobody can tell on this connection
                raise
            guards.committed()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection without a transaction, for what outlasts one or may not be in one. Raises as
        `transaction`."""
        try:
            account_id = served()
            pool = self._pool if account_id is None else self._tenants
            connection = await self._acquire(pool)
            try:
                if account_id is not None:
                    await connection.serve(account_id)
                yield connection
            finally:
                with suppress(Exception):  # it was cut, and the next one opens another
                    await pool.release(connection, timeout=CLEAN_UP_S)
        except UNREACHABLE as error:
            raise unavailable(error) from error

    async def _acquire(self, pool: asyncpg.Pool) -> Connection:
        try:
            return await pool.acquire(timeout=self._wait_s)
        except TimeoutError:
            if pool.get_size() < pool.get_max_size():
                raise
        raise Overloaded(
            "the ledger is busy",
            f"no connection came free within {self._wait_s:g} s",
            "try again; if it stays so, give Postgres more room or raise postgres_connections",
        )

    async def fetch(self, name: str, *arguments: Any, on: Connection | None = None) -> list[Row]:
        """Rows of the named statement, on a transaction's connection or on one of the pool."""
        if (on := on or guards.connection_of_check()) is not None:
            return await on.fetch(statement(name), *arguments)
        async with self.connection() as connection:
            return await connection.fetch(statement(name), *arguments)

    async def fetch_row(self, name: str, *arguments: Any, on: Connection | None = None) -> Row | None:
        """The first row, or None."""
        if (on := on or guards.connection_of_check()) is not None:
            return await on.fetchrow(statement(name), *arguments)
        async with self.connection() as connection:
            return await connection.fetchrow(statement(name), *arguments)

    async def fetch_count(self, name: str, *arguments: Any, on: Connection | None = None) -> int:
        """`count` of the one row that a counting statement answers."""
        row = await self.fetch_row(name, *arguments, on=on)
        assert row is not None
        return int(row["count"])

    async def execute(self, name: str, *arguments: Any, on: Connection | None = None) -> str:
        """Postgres' command tag, such as `UPDATE 3`."""
        if (on := on or guards.connection_of_check()) is not None:
            return await on.execute(statement(name), *arguments)
        async with self.connection() as connection:
            return await connection.execute(statement(name), *arguments)


async def _keep_session(connection: asyncpg.Connection) -> None:
    """Nothing of a session is ever changed, so a connection goes back to the pool without the round trip that
    would reset it; advisory locks are given back by whoever took them."""


async def _roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """Without a word, and soon: what went wrong before is what counts."""
    try:
        async with asyncio.timeout(CLEAN_UP_S):
            await transaction.rollback()
    except BaseException as error:
        connection.terminate()
        if not isinstance(error, Exception):
            raise
