"""The statements of enrolment under contention and with values that the ledger does not take."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.errors import LedgerRefused, ServerUnavailable
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_datetime

NOW = to_datetime(1_781_632_800_000)
PHONES = ["+12125550100", "+12125550101", "+13055550100"]


async def make_leads(database: Database, on: Connection, *phones: str, name: str = "x") -> list[str]:
    """Insert bare leads of account 1; answers the phones of those made."""
    n = len(phones)
    nothing = [None] * n
    rows = await database.fetch(
        "enrol_leads", 1, None, None, NOW, list(phones), nothing, [name] * n, [""] * n, nothing, nothing,
        [1] * n, ["bulk"] * n, nothing, nothing, [""] * n, ["{}"] * n, ["new"] * n, list(phones), on=on,
    )  # fmt: skip
    return [row["phone"] for row in rows]


async def test_each_phone_of_an_account_is_made_once_and_in_order_of_phone(database: Database):
    async with database.transaction() as on:
        assert await make_leads(database, on, *PHONES[::-1], PHONES[0]) == PHONES
        assert await make_leads(database, on, *PHONES) == []


async def test_transactions_that_deadlock_are_done_again_until_both_are_through(database: Database):
    both_hold = asyncio.Barrier(2)
    tries = []

    async def crosswise(first: str, second: str) -> None:
        async def work(on: Connection) -> None:
            tries.append(first)
            await make_leads(database, on, first)
            if tries.count(first) == 1:
                await both_hold.wait()
            await make_leads(database, on, second)

        await in_transaction(database, work)

    await asyncio.gather(crosswise(PHONES[0], PHONES[1]), crosswise(PHONES[1], PHONES[0]))

    assert len(tries) >= 3
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM lead") == 2


async def test_a_refused_value_leaves_nothing_and_its_error_shows_no_phone(database: Database):
    async def work(on: Connection) -> None:
        await make_leads(database, on, PHONES[0])
        await make_leads(database, on, "+1212555010O")

    with pytest.raises(LedgerRefused) as refused:
        await in_transaction(database, work)

    chain = [refused.value, refused.value.__cause__]
    assert not any("+1212555" in text for error in chain for text in (str(error), getattr(error, "why", "")))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM lead") == 0


async def test_writers_that_collide_every_time_give_up_and_say_so(database: Database):
    async def work(on: Connection) -> None:
        await on.execute(
            "INSERT INTO suppression (account_id, phone, reason, created_at) VALUES (1, 'p', '', now())"
        )

    async with database.connection() as connection:
        await connection.execute("ALTER TABLE suppression DROP CONSTRAINT suppression_account_id_fkey")
    await in_transaction(database, work)

    with pytest.raises(ServerUnavailable, match="busy"):
        await in_transaction(database, work)
