"""A dialer at rest asks for nothing, and wakes for what comes, whatever happened to its bell (DESIGN 4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from api.embedded.valkey import EmbeddedValkey
from api.parts import service_tasks
from scheduler.clock import ScaledClock
from scheduler.wheel import Claimed
from tests.builders import TUESDAY_2PM, ScriptedProvider, World, a_world
from tests.dialer.builders import a_live_lead, asleep, dialing, move, real_time, until
from tests.worlds import OpenWorld

BELL = "{dw:0}:bell"
"""A ring of the rebuild may still lie there."""


@pytest.fixture(autouse=True)
def no_timer_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What wakes a dialer here is the bell, not the end of its longest sleep."""
    monkeypatch.setattr("dialer.claimer.REST_S", 3600.0)


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey_url)
    yield client
    await client.aclose()


async def requests(client: Redis) -> int:
    """How many scripts and waits the server was asked for: a dialer asks for nothing else."""
    stats = await client.info("commandstats")
    return sum(stats[name]["calls"] for name in ("cmdstat_evalsha", "cmdstat_blpop") if name in stats)


def counts_claims(world: World) -> list[int]:
    """From now on, how many loops each claim of this dialer got."""
    real = world.flow.wheel.claim
    got: list[int] = []

    async def claim(*args: Any, **how: Any) -> Claimed:
        answer = await real(*args, **how)
        got.append(len(answer.claims))
        return answer

    world.flow.wheel.claim = claim
    return got


def dialled(world: World, calls: int) -> Any:
    return lambda: len(world.provider.placed) == calls


async def test_a_live_lead_wakes_a_sleeping_dialer_at_once(open_world: OpenWorld, valkey_url: str) -> None:
    """P4: by the bell; nothing is polled for."""
    world = await real_time(open_world)
    async with dialing(world):
        await asleep(valkey_url)
        await a_live_lead(world)
        await until(dialled(world, 1), "dialled")


async def test_a_dialer_at_rest_makes_fewer_than_two_requests_a_second(
    open_world: OpenWorld, valkey_url: str, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P8: with its longest sleep as it is, and work that is far off; the server counts."""
    monkeypatch.setattr("dialer.claimer.REST_S", 5.0)
    world = await real_time(open_world)
    claims = counts_claims(world)
    await move(world, await a_live_lead(world), "50 minutes")
    await client.delete(BELL)
    async with dialing(world):
        await until(lambda: claims == [0], "asked once")
        await asleep(valkey_url)
        before = await requests(client)
        await asyncio.sleep(1.5)
        assert await requests(client) - before < 3
    assert await world.waiting_on_wheel() == 1


async def test_one_ring_wakes_one_of_the_dialers(
    open_world: OpenWorld, valkey_url: str, client: Redis
) -> None:
    """No herd: who sleeps on makes no request."""
    one, other = await real_time(open_world), await real_time(open_world)
    claims = [counts_claims(one), counts_claims(other)]
    loop_id = await a_live_lead(one)
    await move(one, loop_id, "50 minutes")
    await client.delete(BELL)
    async with dialing(one, other):
        await until(lambda: claims == [[0], [0]], "both asked once")
        await asleep(valkey_url, sleepers=2)
        await move(one, loop_id, "-50 minutes")
        await until(lambda: len(one.provider.placed) + len(other.provider.placed) == 1, "dialled")

    assert [0] in claims, "who slept on made no request"
    assert [0, 1] in claims


async def test_a_lead_that_came_while_the_bell_was_lost_is_dialled(
    open_world: OpenWorld, valkey_url: str, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stuck wake-ups: the bell is listened to anew by itself, and a ring meanwhile is not lost."""
    monkeypatch.setattr("dialer.rest.TROUBLE_REST_S", 0.05)
    world = await real_time(open_world)
    async with dialing(world):
        await asleep(valkey_url)
        await client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await a_live_lead(world)
        await until(dialled(world, 1), "dialled")


async def test_a_dialer_whose_bell_stays_silent_still_wakes_by_its_own_timer(
    open_world: OpenWorld, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stuck wake-ups: a ring that goes astray costs one longest sleep, no more."""
    monkeypatch.setattr("dialer.claimer.REST_S", 0.2)
    world = await real_time(open_world)

    async def deaf(shard: int, timeout_s: float) -> bool:
        await asyncio.Event().wait()
        raise AssertionError("never")

    world.flow.wheel.wait_bell = deaf
    async with dialing(world):
        await a_live_lead(world)
        await until(dialled(world, 1), "dialled")


async def test_a_server_restarted_while_a_dialer_rests_is_found_again(
    ledger_url: str, server_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14, stuck wake-ups: it came back empty; the sweeper rebuilds, the dialer listens and goes on."""
    for name in ("dialer.rest", "dialer.claimer"):
        monkeypatch.setattr(f"{name}.TROUBLE_REST_S", 0.05)
    folder = server_dir / "restarted"
    server = EmbeddedValkey(folder).start()
    try:
        async with a_world(
            ledger_url,
            server.url,
            provider=ScriptedProvider(),
            clock=ScaledClock(TUESDAY_2PM, 1.0),
            sweep_s=0.2,
        ) as world:
            stop = asyncio.Event()
            services = service_tasks(world.stores, world.services, stop)
            async with dialing(world):
                await asleep(server.url)
                server.stop()
                server = EmbeddedValkey(folder).start()
                await a_live_lead(world)
                await until(dialled(world, 1), "dialled")
            stop.set()
            await asyncio.gather(*services)
    finally:
        server.stop()
