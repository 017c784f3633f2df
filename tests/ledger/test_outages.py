"""What a Postgres in trouble answers becomes one error of ours, soon; its connections serve on (F14 F29)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from scheduler.errors import Overloaded, ServerUnavailable
from scheduler.ledger.database import Database
from scheduler.ledger.outages import unavailable
from tests.faults.proxy import Line, Proxy, a_proxy

CONNECTIONS = 2


@asynccontextmanager
async def behind_a_proxy(
    server_url: str, *, statement_s: float = 1.0
) -> AsyncIterator[tuple[Database, Proxy]]:
    async with a_proxy(server_url.partition("host=")[2] + "/.s.PGSQL.5432") as proxy:
        database = await Database.connect(
            f"postgresql://dialwheel@127.0.0.1:{proxy.port}/dialwheel", max_connections=CONNECTIONS,
            connect_s=1.0, wait_s=1.0, statement_s=statement_s,
        )  # fmt: skip
        try:
            yield database, proxy
        finally:
            proxy.heal()
            await database.close()


async def one(database: Database) -> int:
    async with database.transaction() as on:
        return int(await on.fetchval("SELECT 1"))


async def test_a_server_that_swallows_all_is_given_up_by_everybody_and_used_again_when_it_answers(
    postgres_server_url: str,
) -> None:
    async with behind_a_proxy(postgres_server_url) as (database, proxy):
        assert await asyncio.gather(one(database), one(database)) == [1, 1]
        proxy.line = Line(hole_up=True, hole_down=True)
        async with asyncio.timeout(60):
            tried = await asyncio.gather(*(one(database) for _ in range(8)), return_exceptions=True)
        assert {type(error) for error in tried} <= {ServerUnavailable, Overloaded}
        assert ServerUnavailable in {type(error) for error in tried}

        proxy.heal()
        assert await asyncio.gather(*(one(database) for _ in range(8))) == [1] * 8


async def test_who_is_canceled_in_a_transaction_takes_no_connection_along(postgres_server_url: str) -> None:
    """F34: as often as there are connections, and once more; what was begun is rolled back."""
    async with behind_a_proxy(postgres_server_url, statement_s=5) as (database, proxy):
        for hole in (False, False, True, True, True):
            proxy.line = Line(hole_up=hole)

            async def work() -> None:
                async with database.transaction() as on:
                    await on.execute("SELECT pg_sleep(30)")

            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await work()
            proxy.heal()
        assert await asyncio.gather(*(one(database) for _ in range(5))) == [1] * 5


async def test_without_a_free_connection_the_ledger_is_busy_not_away(postgres_server_url: str) -> None:
    async with behind_a_proxy(postgres_server_url) as (database, _):
        async with database.connection(), database.connection():
            with pytest.raises(Overloaded):
                await one(database)
        assert await one(database) == 1


async def test_a_statement_that_fails_leaves_the_connection_as_it_was(postgres_server_url: str) -> None:
    async with behind_a_proxy(postgres_server_url) as (database, proxy):
        for _ in range(2 * CONNECTIONS):
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with database.transaction() as on:
                    await on.execute("SELECT 1 / 0")
        assert await one(database) == 1
        assert len(proxy._open) == 2  # both ends of one connection, the first


@pytest.mark.parametrize(
    ("error", "what", "why"),
    [
        (asyncpg.DiskFullError(), "Postgres cannot write", "its disk is full"),
        (asyncpg.TooManyConnectionsError(), "Postgres takes no more connections", "all are used"),
        (asyncpg.ReadOnlySQLTransactionError(), "Postgres takes no writes", "it is a standby"),
        (asyncpg.CannotConnectNowError(), "Postgres does not answer", "it is starting or stopping"),
        (TimeoutError(), "Postgres does not answer", "nothing came in time"),
        (ConnectionRefusedError(), "Postgres does not answer", "ConnectionRefusedError"),
    ],
)
def test_trouble_says_what_why_and_what_to_do(error: Exception, what: str, why: str) -> None:
    said = unavailable(error)

    assert (said.what, said.why) == (what, why)
    assert said.do


async def test_a_value_that_the_driver_refuses_is_no_outage(postgres_server_url: str) -> None:
    """Trying again would not help: news with it would stand in everybody's way for ever."""
    async with behind_a_proxy(postgres_server_url) as (database, _):
        with pytest.raises(asyncpg.DataError):
            async with database.transaction() as on:
                await on.fetchval("SELECT $1::int4", 2**40)
        assert await one(database) == 1


async def test_a_process_that_stands_still_in_a_transaction_does_not_hold_its_rows_for_ever(
    database: Database, postgres_server_url: str
) -> None:
    """I15 I16, F3: frozen between two statements it keeps its connection; who wants its rows would wait."""
    async with database.connection() as on:
        name = await on.fetchval("SELECT current_database()")
        await on.execute("CREATE TABLE wanted AS SELECT 1 AS id")
    url = postgres_server_url.replace("/dialwheel?", f"/{name}?")
    frozen = await Database.connect(url, max_connections=1, idle_s=1.0)

    async def stand_still() -> None:
        async with frozen.transaction() as theirs:
            await theirs.execute("SELECT FROM wanted FOR UPDATE")
            async with database.transaction() as on:
                await on.execute("SELECT FROM wanted FOR UPDATE")  # as soon as the other is ended
            await theirs.execute("SELECT 1")

    with pytest.raises(ServerUnavailable):
        await stand_still()
    assert await one(frozen) == 1, "it goes on with another connection"
    await frozen.close()
