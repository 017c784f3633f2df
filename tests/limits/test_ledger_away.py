"""Postgres away: nothing is dialled, all is refused in time, and it goes on by itself (F14 F16 I14 I23)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from scheduler.ledger.database import Database
from tests.builders import empty
from tests.faults.proxy import Line
from tests.limits.house import House, a_house, assert_refused, assert_whole

Trouble: TypeAlias = Callable[[House, EmbeddedPostgres], Awaitable[Callable[[], Awaitable[None]]]]


async def killed(house: House, postgres: EmbeddedPostgres) -> Callable[[], Awaitable[None]]:
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    await asyncio.to_thread(postgres.stop)
    return lambda: _start(postgres)


async def stopped(house: House, postgres: EmbeddedPostgres) -> Callable[[], Awaitable[None]]:
    await asyncio.to_thread(postgres.stop)
    return lambda: _start(postgres)


async def swallowing_all(house: House, postgres: EmbeddedPostgres) -> Callable[[], Awaitable[None]]:
    house.cut_off(house.to_postgres, Line(hole_up=True, hole_down=True))
    return lambda: _heal(house)


async def refusing(house: House, postgres: EmbeddedPostgres) -> Callable[[], Awaitable[None]]:
    house.cut_off(house.to_postgres)
    return lambda: _heal(house)


async def read_only(house: House, postgres: EmbeddedPostgres) -> Callable[[], Awaitable[None]]:
    """A standby looks like this, or a server whose disk somebody saved."""
    await house.rows("ALTER SYSTEM SET default_transaction_read_only = on")
    await house.rows("SELECT pg_reload_conf()")

    async def back() -> None:
        await house.rows(
            "SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only"
        )
        await house.rows("SELECT pg_reload_conf()")

    return back


async def full_of_others(house: House, postgres: EmbeddedPostgres) -> Callable[[], Awaitable[None]]:
    """All of the server's connections are taken."""
    others: list[Database] = []
    house.to_postgres.cut(reset=True)
    with pytest.raises(Exception, match="Postgres"):
        while True:
            others.append(await Database.connect(postgres.url, max_connections=1))

    async def back() -> None:
        for other in others:
            await other.close()

    return back


async def _start(postgres: EmbeddedPostgres) -> None:
    await asyncio.to_thread(postgres.start)


async def _heal(house: House) -> None:
    house.to_postgres.heal()


@asynccontextmanager
async def opened(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, folder: Path) -> AsyncIterator[House]:
    await empty(valkey.url)
    async with a_house(postgres.url, valkey.url, folder) as house:
        yield house


@pytest.mark.parametrize("trouble", [killed, stopped, swallowing_all, refusing])
async def test_without_its_ledger_it_dials_nothing_refuses_in_time_and_recovers(
    trouble: Trouble, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """F16 I13 I14: a backlog waits while the ledger goes; afterwards it is dialled no faster than before."""
    async with opened(postgres, valkey, tmp_path) as house:
        assert {answer.status for answer in await house.leads(25)} == {201}
        back = await trouble(house, postgres)
        try:
            answers = await house.everything()
            began_s, rings, claims = time.monotonic(), house.rings.total, house.claims
            answers += await house.everything()
            away_s, dialled, claimed = time.monotonic() - began_s, house.rings.total, house.claims
        finally:
            await back()
        assert_refused(answers)
        assert dialled == rings  # what had its permit had rung by then
        assert claimed - claims <= 2 * (1 + away_s / 2.0)  # two lines, once a lease of 2 s
        await house.until_taken()
        await assert_whole(house)
