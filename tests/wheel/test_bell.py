"""The bell: a sleeping dialer wakes for what comes, and sleeps otherwise. No polling at rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from scheduler.errors import ServerUnavailable
from scheduler.wheel import TimingWheel
from tests.wheel.builders import MINUTE, Stand


@pytest.fixture
async def second(wheel_url: str) -> AsyncIterator[TimingWheel]:
    """Another process's wheel."""
    wheel = await TimingWheel.connect(wheel_url, shards=1_000_000)
    yield wheel
    await wheel.close()


async def asleep(wheel: TimingWheel, shard: int, sleepers: int) -> None:
    """Return when that many connections block on the shard's bell."""
    for _ in range(1_000):
        clients = await wheel._servers.client.client_list()
        if sum(client["cmd"] == "blpop" and "b" in client["flags"] for client in clients) >= sleepers:
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody went to sleep")


async def test_a_placing_wakes_who_waits(stand: Stand):
    waiting = asyncio.create_task(stand.wheel.wait_bell(stand.shard, 30))
    await asleep(stand.wheel, stand.shard, 1)
    await stand.place([1])
    assert await waiting is True


async def test_a_ring_before_the_wait_is_heard_and_heard_once(stand: Stand):
    await stand.place([1])
    await stand.place([2])
    assert await stand.wheel.wait_bell(stand.shard, 30) is True
    assert await stand.wheel.wait_bell(stand.shard, 0.01) is False


async def test_a_ring_after_a_wait_ran_out_is_not_lost(stand: Stand):
    assert await stand.wheel.wait_bell(stand.shard, 0.01) is False
    await stand.place([1])
    assert await stand.wheel.wait_bell(stand.shard, 30) is True


async def test_work_for_later_than_all_that_waits_wakes_nobody(stand: Stand):
    await stand.place([1], MINUTE)
    assert await stand.wheel.wait_bell(stand.shard, 30) is True
    await stand.place([2], 2 * MINUTE)
    assert await stand.wheel.wait_bell(stand.shard, 0.05) is False


async def test_each_ring_wakes_at_least_one_of_several(stand: Stand, second: TimingWheel):
    wheels = (stand.wheel, second)
    waiting = {asyncio.create_task(each.wait_bell(stand.shard, 30)) for each in wheels}
    await asleep(stand.wheel, stand.shard, 2)
    for loop in (1, 2):
        await stand.place([loop])
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        assert [task.result() for task in done] == [True]
    assert not waiting


async def test_every_waiter_of_one_process_hears_the_ring(stand: Stand):
    waits = asyncio.gather(*(stand.wheel.wait_bell(stand.shard, 30) for _ in range(3)))
    await asleep(stand.wheel, stand.shard, 1)
    await stand.place([1])
    assert await waits == [True, True, True]


async def test_a_lost_connection_is_said_and_the_next_wait_listens_anew(stand: Stand):
    waiting = asyncio.create_task(stand.wheel.wait_bell(stand.shard, 30))
    await asleep(stand.wheel, stand.shard, 1)
    await stand.wheel._servers.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(ServerUnavailable):
        await waiting
    await stand.wheel._servers.client.connection_pool.disconnect()
    await stand.place([1])
    assert await stand.wheel.wait_bell(stand.shard, 30) is True
