"""I15 I16, F3: what a process holds at the server while it stands still is taken from it alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import pytest

from scheduler.errors import ServerUnavailable
from scheduler.ledger import sessions
from scheduler.ledger.database import Database
from scheduler.ledger.sessions import alone, cut_frozen

IDLE_S = 0.3
LOCK = 7
WAIT_S = 20.0


@pytest.fixture
async def url(database: Database, postgres_server_url: str) -> str:
    """Of this test's own database, in which a row is wanted by two."""
    async with database.connection() as on:
        name = await on.fetchval("SELECT current_database()")
        await on.execute("CREATE TABLE wanted AS SELECT 1 AS id")
    return postgres_server_url.replace("/dialwheel?", f"/{name}?")


@asynccontextmanager
async def a_session(url: str, name: str = "dialwheel") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, server_settings={"application_name": name})
    try:
        yield connection
    finally:
        connection.terminate()


async def state_of(database: Database, session: asyncpg.Connection) -> str:
    async with database.connection() as on:
        row = await on.fetchrow(
            "SELECT state || ' ' || coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = $1",
            session.get_server_pid(),
        )
    return "gone" if row is None else str(row[0])


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    last_s = asyncio.get_running_loop().time() + WAIT_S
    while not await holds():
        assert asyncio.get_running_loop().time() < last_s, "it never came to that"
        await asyncio.sleep(0.02)


async def cut(database: Database, *, statement_s: float = 0.0) -> int:
    return await cut_frozen(database, idle_s=IDLE_S, statement_s=statement_s)


async def test_half_a_statement_does_not_hold_rows_for_ever(database: Database, url: str) -> None:
    """No timeout of the server's ends it: a statement is under way, and what is missing of it never comes."""
    async with a_session(url) as frozen:
        await frozen.execute("SET idle_in_transaction_session_timeout = 100; SET statement_timeout = 100")
        await frozen.execute("BEGIN; SELECT FROM wanted FOR UPDATE")
        await frozen.prepare("SELECT FROM wanted WHERE id = $1")  # the second half would say with what

        async def waiting() -> bool:
            return await state_of(database, frozen) == "active ClientRead"

        async def ended() -> bool:
            return await cut(database) == 1

        await until(waiting)
        await until(ended)
        async with database.transaction() as on:
            assert len(await on.fetch("SELECT FROM wanted FOR UPDATE")) == 1
        assert await cut(database) == 0


async def test_an_answer_that_nobody_reads_does_not_either(database: Database, url: str) -> None:
    async with a_session(url) as frozen:
        await frozen.execute("BEGIN; SELECT FROM wanted FOR UPDATE")
        frozen._transport.pause_reading()
        asking = asyncio.create_task(frozen.execute("SELECT repeat('x', 999) FROM generate_series(1, 30000)"))

        async def writing() -> bool:
            return await state_of(database, frozen) == "active ClientWrite"

        async def ended() -> bool:
            assert await cut(database, statement_s=60) == 0, "what takes long to ask may be long in coming"
            return await cut(database, statement_s=0.2) == 1

        await until(writing)
        await until(ended)
        frozen._transport.resume_reading()
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await asking


async def test_a_lock_goes_on_to_the_next_when_its_holder_stands_still(database: Database, url: str) -> None:
    async with a_session(url) as frozen:
        assert await frozen.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
        async with alone(database, LOCK) as ours:
            assert not ours

        async def ended() -> bool:
            return await cut(database) == 1

        await until(ended)

        async def free() -> bool:  # a session that is told to end takes a moment
            async with alone(database, LOCK) as ours:
                return ours

        await until(free)


async def test_who_holds_a_lock_and_lives_shows_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What shows that it stands still is how long ago it said anything."""
    monkeypatch.setattr(sessions, "BEAT_S", 0.05)
    shown: set[datetime] = set()

    async def shows_it() -> bool:
        async with database.connection() as on:
            shown.add(
                await on.fetchval(
                    "SELECT s.state_change FROM pg_stat_activity AS s JOIN pg_locks AS k USING (pid) "
                    "WHERE k.locktype = 'advisory' AND s.datname = current_database()"
                )
            )
        return len(shown) == 5

    async with alone(database, LOCK) as ours:
        assert ours
        await until(shows_it)
        async with alone(database, LOCK) as theirs:
            assert not theirs


@pytest.mark.parametrize("steps", range(6))
async def test_a_lock_whose_holder_is_broken_off_is_free(database: Database, url: str, steps: int) -> None:
    """Else the pool would keep it with the connection, and nobody could build the wheel for as long."""
    over = asyncio.Event()

    async def hold_it() -> None:
        async with alone(database, LOCK) as ours:
            assert ours
            over.set()
            await asyncio.sleep(0)

    holding = asyncio.create_task(hold_it())
    if steps:
        await over.wait()
    for _ in range(steps):  # before it has the lock, with it, on the way to give it back
        await asyncio.sleep(0)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)

    async with a_session(url) as next_one:

        async def free() -> bool:
            return bool(await next_one.fetchval("SELECT pg_try_advisory_lock($1)", LOCK))

        await until(free)


async def test_whoever_lost_the_lock_is_told_at_the_end(database: Database) -> None:
    """The lock spares double work; what may not be done twice is kept elsewhere."""

    async def lose_it() -> None:
        async with alone(database, LOCK) as ours, database.connection() as on:
            assert ours
            await on.fetch("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")

    with pytest.raises(ServerUnavailable):
        await lose_it()
    async with alone(database, LOCK) as ours:
        assert ours


async def test_nobody_else_is_cut(database: Database, url: str) -> None:
    """Idle connections, statements that take long, transactions between two statements, other programs."""
    async with (
        a_session(url) as idle,
        a_session(url) as busy,
        a_session(url) as between,
        a_session(url, "psql") as foreign,
    ):
        working = asyncio.create_task(busy.execute("SELECT pg_sleep(60)"))
        await between.execute("BEGIN; SELECT FROM wanted FOR UPDATE")
        await foreign.prepare("SELECT $1::int")
        assert await foreign.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
        began_s = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < began_s + 2 * IDLE_S:
            assert await cut(database) == 0
            await asyncio.sleep(IDLE_S / 5)
        assert "gone" not in [await state_of(database, each) for each in (idle, busy, between, foreign)]
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
