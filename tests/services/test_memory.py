"""The wheel is short of memory: less is put there, what is far off goes back, nothing is lost (F12 I14)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from api.embedded.valkey import EmbeddedValkey
from scheduler.domain.time import HOUR, MINUTE, SECOND
from scheduler.flow.reach import Reach
from scheduler.services.feeder import feed
from scheduler.services.memory import MemoryWatch
from scheduler.wheel.memory import memory_share, read_reach
from tests.builders import World, a_world, empty, phones

FULL = 0.75


@pytest.fixture(scope="module")
def small_valkey(server_dir: Path) -> Iterator[str]:
    """A server whose memory a test may limit."""
    server = EmbeddedValkey(server_dir / "small").start()
    yield server.url
    server.stop()


@pytest.fixture
async def crowded(ledger_url: str, small_valkey: str) -> AsyncIterator[World]:
    """An hour's work on the wheel, one call every ten seconds."""
    await empty(small_valkey)
    async with a_world(ledger_url, small_valkey) as world:
        await world.enrol(phones(360))
        await world.run(
            "UPDATE loop SET next_at = to_timestamp($1) + interval '10 s' * (loop_id % 360)",
            world.now_ms / SECOND,
        )
        await world.services.sweeper.step(world.now_ms)
        await world.services.feeder.step(world.now_ms)
        await feed(world.flow, world.now_ms, world.now_ms + HOUR, world.now_ms)
        assert await world.waiting_on_wheel() == 360
        yield world
        await limit(small_valkey, None)


async def limit(url: str, used: float | None) -> None:
    """Give the server so much memory that this share of it is used; None for no limit."""
    redis = Redis.from_url(url)
    now_used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", 0 if used is None else int(now_used / used))
    await redis.aclose()


def a_watch(world: World, *, decides: bool = True) -> MemoryWatch:
    return MemoryWatch(world.flow, period_s=5, decides=decides)


def a_reach() -> Reach:
    return Reach(HOUR, least_ms=10 * MINUTE, shrinks_at=0.7)


@pytest.mark.parametrize(
    ("used", "from_ms", "to_ms"),
    [
        (0.69, HOUR, HOUR),
        (0.70, HOUR, 30 * MINUTE),
        (0.95, 15 * MINUTE, 10 * MINUTE),
        (0.95, 10 * MINUTE, 10 * MINUTE),
        (0.30, 30 * MINUTE, 30 * MINUTE),
        (0.27, 30 * MINUTE, HOUR),
        (0.0, HOUR, HOUR),
    ],
)
def test_the_reach_halves_when_memory_is_short_and_grows_when_twice_as_much_fits(
    used: float, from_ms: int, to_ms: int
) -> None:
    reach = a_reach()
    reach.set(from_ms, 0)

    assert reach.after(used) == to_ms


def test_doubling_never_leads_straight_back_to_halving() -> None:
    """Twice the work is twice the memory at most."""
    for percent in range(100):
        reach = a_reach()
        reach.set(20 * MINUTE, 0)
        if reach.after(percent / 100) > reach.ms:
            reach.set(40 * MINUTE, 0)
            assert reach.after(2 * percent / 100) >= reach.ms


async def test_short_memory_halves_the_reach_everywhere_and_new_work_stays_in_the_ledger(
    crowded: World, ledger_url: str, small_valkey: str
) -> None:
    """F12: the other process, which cannot decide, follows what the wheel says."""
    await limit(small_valkey, FULL)
    async with a_world(ledger_url, small_valkey) as other:
        await a_watch(crowded).step(crowded.now_ms)
        await a_watch(other, decides=False).step(other.now_ms)

        assert crowded.flow.reach.ms == other.flow.reach.ms == 30 * MINUTE
        assert not other.flow.within_horizon(other.now_ms + 40 * MINUTE, other.now_ms)
        assert await crowded.waiting_on_wheel() == 360  # what is there is only shed when that is not enough


async def test_what_is_far_off_goes_back_and_comes_again_when_there_is_room(
    crowded: World, small_valkey: str
) -> None:
    """I14 I22: afterwards the wheel holds what it would hold without the shortage."""
    watch = a_watch(crowded)
    for _ in range(3):
        await limit(small_valkey, 0.95)
        await watch.step(crowded.now_ms)

    assert crowded.flow.reach.ms == 10 * MINUTE
    assert await crowded.waiting_on_wheel() == 60

    await crowded.services.sweeper.step(crowded.now_ms)
    assert await crowded.waiting_on_wheel() == 60  # the sweeper agrees

    crowded.pass_time(5 * MINUTE)  # the feeder comes by twice in the shortest reach
    await crowded.services.feeder.step(crowded.now_ms)
    assert await crowded.waiting_on_wheel() == 90

    await limit(small_valkey, None)
    for _ in range(3):
        await watch.step(crowded.now_ms)
    await crowded.services.feeder.step(crowded.now_ms)
    assert crowded.flow.reach.ms == HOUR
    assert await crowded.waiting_on_wheel() == 360
    assert await read_reach(crowded.flow.wheel) == HOUR


async def test_without_memory_even_for_a_note_the_wheel_still_sheds(
    crowded: World, small_valkey: str
) -> None:
    """F12: at the limit every write is refused but those that free memory: nobody else would make room."""
    watch = a_watch(crowded)
    await limit(small_valkey, 1.02)
    assert await memory_share(crowded.flow.wheel) > 1
    [lead] = await crowded.enrol(["+13055550199"])
    assert lead.lead_id is not None  # taken in all the same
    await watch.step(crowded.now_ms)

    assert await read_reach(crowded.flow.wheel) is None
    assert await crowded.waiting_on_wheel() < 360
