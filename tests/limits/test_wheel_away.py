"""The wheel away or full: leads are taken in all the same, and called later (F5 F9 F12 F13 F29 I14)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from tests.builders import empty
from tests.faults.proxy import Line
from tests.limits.disk import SmallDisk, a_small_disk
from tests.limits.house import BOUND_S, MOST_S, PATIENT, PROBLEMS, House, a_house, assert_whole

Trouble: TypeAlias = Callable[[House, EmbeddedValkey], AbstractAsyncContextManager[None]]

RATE = 40
LOADED = 200
"""Microseconds that a slow loader takes for each command of its file; it answers after 1024 of them."""
COMMANDS = 300_000
"""In its file: a minute of reading and more, until it is told to make haste."""


class SlowLoader(EmbeddedValkey):
    """A server that takes longer to read its file than any test."""

    slow = False

    def _options(self) -> list[str]:
        return [*super()._options(), *(("--key-load-delay", str(LOADED)) if self.slow else ())]


@pytest.fixture(scope="module")
def slow_loader(server_dir: Path) -> Iterator[SlowLoader]:
    server = SlowLoader(server_dir / "slow")
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def _client(valkey: EmbeddedValkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url)
    yield client
    await client.aclose()


@asynccontextmanager
async def killed(house: House, valkey: EmbeddedValkey) -> AsyncIterator[None]:
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
    await asyncio.to_thread(valkey.stop)
    yield
    await asyncio.to_thread(valkey.start)


@asynccontextmanager
async def standing_still(house: House, valkey: EmbeddedValkey) -> AsyncIterator[None]:
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGSTOP)
    yield
    os.kill(valkey.pid, signal.SIGCONT)


@asynccontextmanager
async def swallowing_all(house: House, valkey: EmbeddedValkey) -> AsyncIterator[None]:
    house.cut_off(house.to_valkey, Line(hole_up=True, hole_down=True))
    yield
    house.to_valkey.heal()


@asynccontextmanager
async def without_memory(house: House, valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """Even what sheds cannot help: the server's own needs are above the limit."""
    async with _client(valkey) as client:
        await client.config_set("maxmemory", 1)
        yield
        await client.config_set("maxmemory", 0)


@asynccontextmanager
async def a_replica(house: House, valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """A failover put it in second place."""
    async with _client(valkey) as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        yield
        await client.execute_command("REPLICAOF", "NO", "ONE")


async def trial(house: House, valkey: EmbeddedValkey, trouble: Trouble) -> None:
    """Leads before, during and after; all are called once, at the account's rate."""
    await house.taken(10)
    async with trouble(house, valkey):
        answers = await house.everything(pause=False)
        answers += [("lead", answer) for answer in await house.leads(5)]
        claims = house.claims  # what was claimed before may still be dialled: the ledger gives permits
        answers += await house.everything(pause=False)
        assert house.claims == claims
    for name, answer in answers:
        assert answer.seconds <= BOUND_S, (name, answer)
        if name in ("lead", "file", "account", "agents", "search", "opt-out", "kept"):
            assert answer.status in (200, 201, 202), (name, answer)
        elif answer.status != 200:
            assert (answer.status, answer.code in PROBLEMS) == (503, True), (name, answer)
            assert int(answer.retry_after or 0) > 0
    await assert_whole(house)


@pytest.mark.parametrize("trouble", [killed, standing_still, swallowing_all, without_memory, a_replica])
async def test_leads_are_taken_in_without_the_wheel_and_called_when_it_is_back(
    trouble: Trouble, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    await empty(valkey.url)
    async with a_house(postgres.url, valkey.url, tmp_path, rate=RATE, **PATIENT) as house:
        await trial(house, valkey, trouble)


async def test_a_wheel_that_reads_its_file_is_waited_for(
    postgres: EmbeddedPostgres, slow_loader: SlowLoader, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def loading(house: House, valkey: EmbeddedValkey) -> AsyncIterator[None]:
        async with _client(valkey) as client:  # what a script writes is in the file command by command
            await client.eval(f"for n = 1, {COMMANDS} do redis.call('INCR', KEYS[1]) end", 1, "weight")  # type: ignore[misc]
        await asyncio.to_thread(valkey.stop)
        slow_loader.slow = True
        start = asyncio.create_task(asyncio.to_thread(valkey.start, 2 * MOST_S))
        yield
        assert not start.done()  # it was loading all the time
        async with _client(valkey) as client:
            await client.config_set("key-load-delay", 0)
        await start

    await empty(slow_loader.url)
    async with a_house(postgres.url, slow_loader.url, tmp_path, rate=RATE, **PATIENT) as house:
        await trial(house, slow_loader, loading)


async def test_a_wheel_whose_disk_is_full_takes_nothing_and_goes_on_when_there_is_space(
    postgres: EmbeddedPostgres, server_dir: Path, tmp_path: Path
) -> None:
    """F13: MISCONF for every write until there is space."""
    with a_small_disk(server_dir / "aof", 6) as disk:
        server = EmbeddedValkey(disk.path / "data").start()
        try:
            async with a_house(postgres.url, server.url, tmp_path, rate=RATE, **PATIENT) as house:
                await trial(house, server, lambda *_: _full(disk, server))
        finally:
            server.stop()


@asynccontextmanager
async def _full(disk: SmallDisk, valkey: EmbeddedValkey) -> AsyncIterator[None]:
    disk.fill()
    async with _client(valkey) as client:
        async with asyncio.timeout(MOST_S):
            while (await client.info("persistence"))["aof_last_write_status"] != "err":
                with suppress(ResponseError):
                    await client.set("weight", "x" * 10_000)
                await asyncio.sleep(0.05)
        yield
        disk.free()
