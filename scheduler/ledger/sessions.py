"""What a process holds at the server while it stands still, and how it is taken from it.

`idle_in_transaction_session_timeout` ends a session between two statements. It does not end one in the middle
of a statement, and no other timeout does: asyncpg sends a statement that is new to a connection in two parts,
and the server waits for the second without end, with all that the transaction has locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta

from scheduler.ledger.database import Connection, Database

BEAT_S = 0.25
"""How often the holder of a lock shows that it lives: several times in any `idle_s`, of a second or more."""


async def cut_frozen(database: Database, *, idle_s: float, statement_s: float) -> int:
    """End the sessions of processes that have stood still for `idle_s` in the middle of a statement, or with
    a lock of `alone`; answers how many. `statement_s`: how long an answer may take. Raises
    ServerUnavailable."""
    rows = await database.fetch("session_cut", timedelta(seconds=idle_s), timedelta(seconds=statement_s))
    return len(rows)


@asynccontextmanager
async def alone(database: Database, lock: int) -> AsyncIterator[bool]:
    """Whether this process is the only one with this lock while it is within; False when another one is.

    The lock ends with its connection, which the server may lose, and which `cut_frozen` ends when this
    process stands still: it keeps others from double work, and nothing more. Raises ServerUnavailable.
    """
    async with database.connection() as connection:
        with _cut_off(connection):
            ours = await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock)
        if not ours:
            yield False
            return
        over = asyncio.Event()
        beat = asyncio.create_task(_beat(connection, over))
        try:
            yield True
        finally:
            over.set()
            with _cut_off(connection):
                await beat
                await connection.execute("SELECT pg_advisory_unlock($1)", lock)


@contextmanager
def _cut_off(connection: Connection) -> Iterator[None]:
    """What breaks off in here may leave the lock to the session, which would have it for as long as the pool
    keeps the connection: nobody uses that any more."""
    try:
        yield
    except BaseException:
        connection.terminate()
        raise


async def _beat(connection: Connection, over: asyncio.Event) -> None:
    """Until `over` is set, or the connection is gone: the lock is as well, then."""
    with suppress(Exception):
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), BEAT_S)
            await connection.execute("SELECT")
