"""A dialer whose turns are taken by hand, on a clock that is moved, and one that runs in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from api.parts import dialing_tasks, run_until
from dialer.claimer import Claimer
from scheduler.clock import ScaledClock
from scheduler.domain.model import Priority
from scheduler.domain.time import Ms
from scheduler.ledger.instants import to_ms
from scheduler.wheel import Placing, Release
from tests.builders import PHONE, TUESDAY_2PM, FreezingClock, ScriptedProvider, World, to_datetime
from tests.worlds import OpenWorld


class HandClock(FreezingClock):
    """Moved by hand, and taken for a clock of real seconds."""

    speed = 1.0

    def seconds_until(self, at_ms: Ms) -> float:
        return (at_ms - self.now_ms()) / 1000


async def by_hand(open_world: OpenWorld, **how: Any) -> tuple[World, Claimer]:
    """A world and a claimer of it whose turns a test takes."""
    world: World = await open_world(provider=ScriptedProvider(), clock=HandClock(TUESDAY_2PM), **how)
    return world, world.dialing.worker._claimer(0, "by-turns")


async def turn(claimer: Claimer) -> None:
    """One turn without sleep, until what it sends has been sent."""
    claimer._rest.wake()
    await claimer._turn()
    if claimer._lines:
        await asyncio.wait(claimer._lines)


async def a_loop_due_in(world: World, in_ms: Ms, number: str = PHONE) -> int:
    """A loop that waits on the wheel for an instant that comes soon."""
    loop_id = await world.a_due_loop(number)
    due_ms = world.now_ms + in_ms
    await world.run("UPDATE loop SET next_at = $2 WHERE loop_id = $1", loop_id, to_datetime(due_ms))
    await world.flow.wheel.place([await placing(world, loop_id)], world.now_ms)
    return loop_id


async def placing(world: World, loop_id: int) -> Placing:
    """Where the loop belongs on the wheel, as the ledger says."""
    loop = await world.loop(loop_id)
    return Placing(0, loop["lane_id"], loop_id, to_ms(loop["next_at"]))


async def leased(world: World) -> int:
    """How many loops somebody holds."""
    return (await world.flow.wheel.counts(0, world.now_ms)).leased


async def reap(world: World) -> int:
    """Take away the leases that are over by now; how many there were."""
    over = await world.flow.wheel.expired(0, wall_ms=world.clock.wall_ms(), limit=10)
    releases = [Release(claim, sent=False) for claim in over]
    await world.flow.wheel.reap(releases, now_ms=world.now_ms, wall_ms=world.clock.wall_ms())
    return len(over)


async def real_time(open_world: OpenWorld, **how: Any) -> World:
    """A world whose clock runs, on a Tuesday afternoon, at its own pace."""
    how = {"provider": ScriptedProvider(), "clock": ScaledClock(TUESDAY_2PM, 1.0), **how}
    world: World = await open_world(**how)
    return world


async def a_live_lead(world: World, number: str = PHONE) -> int:
    """A lead that is to be called at once."""
    [enrolled] = await world.enrol([number], priority=Priority.LIVE)
    assert enrolled.loop_id is not None
    return enrolled.loop_id


async def move(world: World, loop_id: int, by: str) -> None:
    """The loop is due so much later, in the ledger and on the wheel, with no other write."""
    await world.run(f"UPDATE loop SET next_at = next_at + interval '{by}' WHERE loop_id = $1", loop_id)
    await world.flow.wheel.place([await placing(world, loop_id)], world.now_ms)


@asynccontextmanager
async def dialing(*worlds: World) -> AsyncIterator[None]:
    """The worlds' dialers run; stopped in good order."""
    stop = asyncio.Event()
    runs = [
        asyncio.create_task(run_until(dialing_tasks(world.stores, world.dialing, stop), stop))
        for world in worlds
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*runs)


async def until(holds: Callable[[], Awaitable[bool] | bool], what: str) -> None:
    """Return when it holds; a busy machine may take a minute to get there."""
    for _ in range(12_000):
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never: {what}")


async def asleep(redis_url: str, sleepers: int = 1) -> None:
    """Return when that many dialers wait for the bell."""
    client = Redis.from_url(redis_url)

    async def waits() -> bool:
        clients = await client.client_list()
        return sum(each["cmd"] == "blpop" and "b" in each["flags"] for each in clients) >= sleepers

    await until(waits, "asleep")
    await client.aclose()
