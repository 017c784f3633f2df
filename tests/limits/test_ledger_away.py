"""Postgres away: nothing is dialled, all is refused in time, and it goes on by itself (F14 F16 I14 I23)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import ServerUnavailable
from scheduler.ledger.database import Database
from tests.builders import empty, phones
from tests.dialer.builders import until
from tests.faults.proxy import Line
from tests.limits.house import BOUND_S, MOST_S, PATIENT, House, a_house, assert_refused, assert_whole

Trouble: TypeAlias = Callable[[House, EmbeddedPostgres], Awaitable[Callable[[], Awaitable[None]]]]

SLOW: dict[str, Any] = {**PATIENT, "intake_queue": 5, "permit_s": 0.1, "postgres_statement_s": 3.0}
"""All others have come, and are refused, before the first that waits is given up."""


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
    await _alter(postgres, "SET default_transaction_read_only = on")

    async def back() -> None:
        await _alter(postgres, "RESET default_transaction_read_only")

    return back


async def _alter(postgres: EmbeddedPostgres, change: str) -> None:
    server = await Database.connect(postgres.url, max_connections=1)
    async with server.connection() as on:
        await on.execute("SET default_transaction_read_only = off")
        await on.execute(f"ALTER SYSTEM {change}")
        await on.execute("SELECT pg_reload_conf()")
    await server.close()


async def _start(postgres: EmbeddedPostgres) -> None:
    await asyncio.to_thread(postgres.start)


async def _heal(house: House) -> None:
    house.to_postgres.heal()


@asynccontextmanager
async def opened(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, folder: Path, **settings: Any
) -> AsyncIterator[House]:
    await empty(valkey.url)
    async with a_house(postgres.url, valkey.url, folder, **settings) as house:
        yield house


@pytest.mark.parametrize("trouble", [killed, stopped, swallowing_all, refusing])
async def test_without_its_ledger_it_dials_nothing_refuses_in_time_and_recovers(
    trouble: Trouble, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """F16 I13 I14: a backlog waits while the ledger goes; afterwards it is dialled no faster than before."""
    async with opened(postgres, valkey, tmp_path) as house:
        await house.taken(40)
        back = await trouble(house, postgres)
        try:
            answers = await house.everything()
            await asyncio.sleep(house.stores.settings.permit_s)  # those given before are void now
            began_s, rings, claims = time.monotonic(), house.rings.total, house.claims
            answers += await house.everything()
            away_s, dialled, claimed = time.monotonic() - began_s, house.rings.total, house.claims
        finally:
            await back()
        assert_refused(answers)
        assert dialled == rings
        assert claimed - claims <= 2 * (1 + away_s / 2.0)  # two lines, once a lease of 2 s
        await house.until_taken()
        await assert_whole(house)


async def test_a_ledger_that_takes_no_writes_is_read_and_everything_else_is_refused(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """A standby that was not promoted, or a server that somebody saved from a full disk."""
    async with opened(postgres, valkey, tmp_path, **PATIENT) as house:
        await house.taken(15)
        back = await read_only(house, postgres)
        try:
            answers = dict(await house.everything())
            await asyncio.sleep(house.stores.settings.permit_s)  # those given before are void now
            rings = house.rings.total
            assert (await house.lead()).status == 503
        finally:
            await back()
        reads = {"account", "agents", "search", "wheel", "ready"}
        assert_refused(list(answers.items()), but=reads)
        assert {answers[name].status for name in reads} == {200}
        assert house.rings.total == rings
        await house.until_taken()
        await assert_whole(house)


async def test_a_ledger_without_a_free_connection_is_waited_for_and_not_hung_on(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async with opened(postgres, valkey, tmp_path) as house:
        await house.taken(5)
        house.cut_off(house.to_postgres)
        others = [await Database.connect(postgres.url, max_connections=1)]

        async def alone() -> bool:
            """What comes free later would be one that the house can have."""
            async with others[0].connection() as on:
                return not await on.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", house.name
                )

        await until(alone, "nobody of the house is connected")
        with suppress(ServerUnavailable):
            while True:
                others.append(await Database.connect(postgres.url, max_connections=1, connect_s=MOST_S))
        house.to_postgres.heal()
        try:
            answers = await house.everything()
        finally:
            for other in others:
                await other.close()
        assert_refused(answers)
        await house.until_taken()
        await assert_whole(house)


async def test_a_file_that_an_outage_breaks_off_says_from_where_to_send_it_again(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """I21: the rows before that line are in, those after it are not; sent again, all are in, each once."""
    numbers = phones(400)
    async with opened(postgres, valkey, tmp_path, **PATIENT) as house:

        async def file() -> AsyncIterator[bytes]:
            yield b"phone\n"
            for at in range(0, 400, 50):
                if at == 200:
                    house.cut_off(house.to_postgres)
                yield "".join(f"{number}\n" for number in numbers[at : at + 50]).encode()
                await asyncio.sleep(0.05)

        path = f"/v1/imports?agent_id={house.agent}&consent=test&name=spring"
        headers = {"Content-Type": "text/csv"}
        lines = {**headers, "Accept": "application/x-ndjson"}
        async with house.http.post(path, data=file(), headers=lines) as reply:
            said = [msgspec.json.decode(line) async for line in reply.content]
        done = said[-1]
        assert (done["t"], done["status"]) == ("done", "failed")
        resume_row = done["resume_row"]
        inside = {row["phone"] for row in await house.rows("SELECT phone FROM lead")}
        assert set(numbers[: resume_row - 2]) <= inside  # line 1 is the header
        assert done["created"] <= len(inside) < 400

        house.to_postgres.heal()
        rest = "phone\n" + "\n".join(numbers[resume_row - 2 :])
        again = await house.ask("POST", path, headers=headers, data=rest)
        assert again.status == 202
        assert {row["phone"] for row in await house.rows("SELECT phone FROM lead")} == set(numbers)
        assert await house.rows("SELECT FROM lead GROUP BY phone HAVING count(*) > 1") == []


async def test_a_ledger_slower_than_its_callers_refuses_the_rest_at_once(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """The queue is bounded: who does not fit is told to come again, in no time, and a pause still gets in."""
    await empty(valkey.url)
    async with a_house(postgres.url, valkey.url, tmp_path, **SLOW) as house:
        slow = await Database.connect(house.postgres_url, max_connections=1)
        async with slow.transaction() as on:
            await on.execute("LOCK TABLE lead IN SHARE MODE")  # leads cannot be written, all else can
            asked = [asyncio.create_task(house.lead()) for _ in range(20)]
            await until(lambda: sum(task.done() for task in asked) >= 15, "refused")
            assert (await house.ask("POST", "/v1/account/pause", {"reason": "trouble"})).status == 200
            answers = await asyncio.gather(*asked)
        await slow.close()
        refused = [answer for answer in answers if answer.code == "backpressure"]
        assert len(refused) == 15
        assert max(answer.seconds for answer in refused) < BOUND_S
        assert_refused([("lead", answer) for answer in answers])
        assert (await house.ask("POST", "/v1/account/resume", {"spread_over_s": 0})).status == 200
        await house.until_taken()
        await assert_whole(house)
