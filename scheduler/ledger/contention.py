"""Transactions that may collide with others and are then simply done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from scheduler.errors import LedgerRefused, ServerUnavailable
from scheduler.ledger.database import Connection, Database

T = TypeVar("T")

COLLISIONS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    asyncpg.LockNotAvailableError,
)


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
    raise ServerUnavailable(
        "the ledger is busy", "other writers of the same rows were first, again and again", "try again"
    )
