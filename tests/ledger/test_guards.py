"""API 1: what is compared before a change is compared in the transaction of the change, and in no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scheduler.ledger.database import Database
from scheduler.ledger.guards import connection_of_check, guarded


async def test_each_of_two_changes_at_once_is_checked_on_its_own_connection(database: Database) -> None:
    both, seen = asyncio.Barrier(2), []

    async def check(on: Any) -> None:
        await both.wait()
        seen.append(connection_of_check() is on)
        await both.wait()

    async def change() -> None:
        async with database.transaction():
            assert connection_of_check() is None

    with guarded(check):
        await asyncio.gather(change(), change())

    assert seen == [True, True]


async def test_until_one_has_committed_each_transaction_is_checked(database: Database) -> None:
    """Who tries again after a deadlock is checked again; what comes after the change was read by nobody."""
    checks = 0

    async def check(on: Any) -> None:
        nonlocal checks
        checks += 1

    async def broken_off() -> None:
        async with database.transaction():
            raise KeyError

    with guarded(check):
        for expected in (1, 2):
            with pytest.raises(KeyError):
                await broken_off()
            assert checks == expected
        for _ in range(2):
            async with database.transaction():
                pass
            assert checks == 3


async def test_what_the_check_finds_undoes_the_transaction_before_it_has_begun(database: Database) -> None:
    async def check(on: Any) -> None:
        await on.execute("CREATE TABLE trace ()")
        raise KeyError

    async def change() -> None:
        async with database.transaction():
            raise AssertionError("nothing is changed")

    with guarded(check), pytest.raises(KeyError):
        await change()
    async with database.connection() as on:
        assert await on.fetchval("SELECT to_regclass('trace')") is None


async def test_a_task_that_lives_on_is_not_checked_when_what_it_was_begun_for_is_over(
    database: Database,
) -> None:
    over = asyncio.Event()

    async def check(on: Any) -> None:
        raise AssertionError("this change is nobody's who has read anything")

    async def later() -> None:
        await over.wait()
        async with database.transaction():
            pass

    with guarded(check):
        living_on = asyncio.create_task(later())
        await asyncio.sleep(0)
    over.set()
    await living_on
