"""Transactions that may collide with others and are then simply done again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from scheduler.errors import LedgerRefused, ServerUnavailable
from scheduler.ledger.database import Connection, Database

T = TypeVar("T")

IN_THE_WAY = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
COLLISIONS = (*IN_THE_WAY, asyncpg.UniqueViolationError)


async def in_transaction(
    database: Database, work: Callable[[Connection], Awaitable[T]], *, tries: int = 8
) -> T:
    """Run `work` in a transaction, again from the start when another writer was in the way.

    Raises ServerUnavailable when they keep colliding, LedgerRefused for values that the ledger does not take.
    Postgres' own message is dropped: its detail shows the row, with the phone.
    """
    for _ in range(tries):
        try:
            async with database.transaction() as on:
                return await work(on)
        except COLLISIONS:
            continue
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise LedgerRefused(
                "the ledger refused a value", type(error).__name__, "see which row it was"
            ) from None
    raise _busy()


async def once_free(
    database: Database, work: Callable[[Connection], Awaitable[T]], *, seed: int, tries: int = 5
) -> T:
    """Run `work` in a transaction, again from the start when it lost against another that held its rows:
    after a few milliseconds, more each time, that `seed` makes different from the other's.

    Raises ServerUnavailable when that happens each time; any other error as it comes.
    """
    for turn in range(tries):
        try:
            async with database.transaction() as on:
                return await work(on)
        except IN_THE_WAY:
            await asyncio.sleep((1 + seed % 7) * 2**turn / 1000)
    raise _busy()


def _busy() -> ServerUnavailable:
    return ServerUnavailable(
        "the ledger is busy", "other writers of the same rows were first, again and again", "try again"
    )
