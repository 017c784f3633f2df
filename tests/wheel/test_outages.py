"""What a wheel's server in trouble answers becomes one error of ours, soon, with what to do (F9 F12)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import ServerUnavailable
from scheduler.wheel import Placing, TimingWheel
from scheduler.wheel import client as clients
from tests.faults.proxy import Line, Proxy, a_proxy


@pytest.fixture(scope="module")
def own_valkey(server_dir: Path) -> Iterator[EmbeddedValkey]:
    """A server that a test may hurt."""
    server = EmbeddedValkey(server_dir / "hurt").start()
    yield server
    server.stop()


@asynccontextmanager
async def behind_a_proxy(valkey: EmbeddedValkey) -> AsyncIterator[tuple[TimingWheel, Proxy]]:
    async with a_proxy(valkey.url.removeprefix("unix://")) as proxy:
        wheel = await TimingWheel.connect(f"redis://127.0.0.1:{proxy.port}", answer_timeout_s=1.0)
        try:
            yield wheel, proxy
        finally:
            await wheel.close()


async def test_of_many_callers_one_waits_for_a_server_that_hangs(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F9: the others are told at once, and send it nothing; when it answers again, all go on."""
    async with behind_a_proxy(own_valkey) as (wheel, proxy):
        await wheel.ping()
        proxy.line = Line(hole_up=True)
        with pytest.raises(ServerUnavailable):
            await wheel.epoch(0)
        sent, began_s = proxy.hits, time.monotonic()
        for _ in range(20):
            with pytest.raises(ServerUnavailable, match="Redis does not answer"):
                await wheel.epoch(0)
        rests = int((time.monotonic() - began_s) / clients.REST_S)
        assert proxy.hits - sent <= rests, "after each rest one asks again"

        proxy.heal()
        monkeypatch.setattr(clients, "REST_S", 0.05)
        async with asyncio.timeout(60):
            while True:
                try:
                    await wheel.epoch(0)
                    break
                except ServerUnavailable:
                    await asyncio.sleep(0.05)
        await asyncio.gather(*(wheel.epoch(0) for _ in range(20)))


@pytest.mark.parametrize(
    ("hurt", "heal", "what"),
    [
        (
            ("CONFIG", "SET", "maxmemory", "1"),
            ("CONFIG", "SET", "maxmemory", "0"),
            "Redis has no memory left",
        ),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "Redis takes no writes"),
    ],
    ids=["memory", "replica"],
)
async def test_a_server_that_takes_no_writes_says_what_why_and_what_to_do(
    own_valkey: EmbeddedValkey, hurt: tuple[str, ...], heal: tuple[str, ...], what: str
) -> None:
    wheel = await TimingWheel.connect(own_valkey.url)
    client = Redis.from_url(own_valkey.url)
    await client.execute_command(*hurt)
    try:
        with pytest.raises(ServerUnavailable) as refused:
            await wheel.place([Placing(0, 1, 1, 1000)], 0)
    finally:
        await client.execute_command(*heal)
    assert refused.value.what == what
    assert refused.value.why
    assert refused.value.do
    assert await wheel.place([Placing(0, 1, 1, 1000)], 0) == 1
    await wheel.close()
    await client.flushall()
    await client.aclose()
