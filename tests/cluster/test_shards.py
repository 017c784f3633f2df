"""Accounts over several shards, on one server and on a cluster: rebuilt, resharded, some of them away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from redis.crc import key_slot

from scheduler.domain.time import HOUR, SECOND
from scheduler.errors import EpochNotReady, ServerUnavailable, SettingsError
from scheduler.services.rebuild import rebuild
from scheduler.services.reshard import Resharded, reshard
from tests.builders import ScriptedProvider, World, a_world, an_end, empty, phones
from tests.cluster.accounts import as_waiting, belongs, claim_all, several_accounts, waits
from tests.cluster.launcher import Cluster

Open = Callable[..., Any]


@pytest.fixture
def running(valkey_cluster: Cluster) -> Cluster:
    """Here one kind of cluster is enough: what differs between the servers is tried elsewhere."""
    return valkey_cluster


@pytest.fixture(params=["valkey_url", "valkey_cluster"])
def servers(request: pytest.FixtureRequest) -> Any:
    """One server's address, or a cluster."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def open_world(servers: Cluster | str, ledger_url: str) -> AsyncIterator[Open]:
    """Opens worlds of one ledger on one empty wheel."""
    if isinstance(servers, Cluster):
        redis_url = (await servers.as_new()).url
    else:
        redis_url = servers
        await empty(redis_url)
    async with AsyncExitStack() as stack:

        async def opened(**how: Any) -> World:
            return await stack.enter_async_context(a_world(ledger_url, redis_url, **how))

        yield opened


async def reshard_to(world: World, shards: int) -> Resharded:
    return await reshard(world.flow, shards, world.now_ms, new_id=uuid4, call_ms=HOUR)


async def test_a_rebuilt_wheel_is_what_it_was_on_every_shard(open_world: Open) -> None:
    """I22: every (shard, lane, loop, due), what was leased among them: a lease does not outlive the wheel."""
    world = await open_world(shards=3)
    await several_accounts(world)
    await world.services.sweeper.step(world.now_ms)
    before = await belongs(world)
    assert {shard for shard, *_ in before} == {0, 1, 2}
    assert await waits(world, before)
    leased = as_waiting(await claim_all(world, [1], limit=4))
    assert len(leased) == 4

    for shard in range(3):
        placed = await rebuild(world.flow, shard, world.now_ms, new_id=uuid4, call_ms=HOUR, whole_too=True)
        assert placed == len([each for each in before if each[0] == shard]), "its own, nobody else's"

    assert await waits(world, before)
    after = as_waiting(await claim_all(world))
    assert after - leased == before - leased
    assert after == before


async def test_resharding_there_and_back_keeps_every_loop(open_world: Open) -> None:
    """I22: 1 → 4 → 2 shards; the same lanes, loops and instants, each account on one shard."""
    world = await open_world(shards=1)
    await several_accounts(world)
    await world.services.sweeper.step(world.now_ms)
    before = await belongs(world)

    for shards in (4, 2):
        done = await reshard_to(world, shards)
        now = await belongs(world)
        assert {each[1:] for each in now} == {each[1:] for each in before}
        assert {shard for shard, *_ in now} == set(range(shards))
        assert (done.shards, done.loops) == (shards, len(before))
        assert await waits(world, now)
        homes = await world.rows("SELECT DISTINCT account_id, shard FROM lane")
        assert all(row["shard"] == row["account_id"] % shards for row in homes)
    assert as_waiting(await claim_all(world)) == now
    assert await world.value("SELECT shards FROM installation") == 2

    world.flow.wheel.resize(4)
    assert [await world.flow.wheel.epoch(shard) for shard in range(2, 4)] == [None, None]
    assert [(await world.flow.wheel.counts(shard, world.now_ms)).lanes for shard in (2, 3)] == [0, 0]


async def test_accounts_on_several_shards_are_followed_up_to_the_end(open_world: Open) -> None:
    """I6 I14: dialers, feeder, reaper and calendars of every shard, on a stepped clock."""
    world = await open_world(shards=3)
    await several_accounts(world, accounts=4, leads=3)

    async def on_step() -> None: ...

    assert await world.stepper().play(asyncio.Event(), on_step)
    assert await world.rows("SELECT 1 FROM loop WHERE status <> 'ended'") == []
    shards = await world.rows(
        "SELECT DISTINCT shard FROM attempt JOIN lane USING (lane_id) WHERE state = 'done'"
    )
    assert {row["shard"] for row in shards} == {0, 1, 2}
    assert await world.flow.wheel.next_wake(0, world.now_ms) is None


async def test_a_process_that_counts_other_shards_dials_nothing_and_says_why(open_world: Open) -> None:
    """DESIGN 4: an account on two shards would have two caps; it does not build its own wheel either."""
    old = await open_world(shards=1, provider=ScriptedProvider())
    await old.a_due_loop()
    new = await open_world(shards=1)
    await reshard_to(new, 3)

    with pytest.raises(EpochNotReady):
        await old.dialing.worker.dial(0)
    with pytest.raises(SettingsError, match="3 shards, not 1") as told:
        await old.services.sweeper.step(old.now_ms)
    assert "reshard" in told.value.do
    with pytest.raises(SettingsError, match="3 shards, not 1"):
        await open_world(shards=1)
    assert old.provider.placed == []

    now = await open_world(shards=3, provider=ScriptedProvider())
    assert (await now.dialing.worker.dial(now.account_id % 3)).sent == 1


async def test_a_lane_that_is_made_while_shards_change_lies_where_the_ledger_says(open_world: Open) -> None:
    """A writer that still counts the old number makes no lane on the wrong shard."""
    old = await open_world(shards=1)
    await reshard_to(await open_world(shards=1), 2)
    await old.enrol(phones(1))
    assert await old.value("SELECT shard FROM lane") == old.account_id % 2


async def test_shards_that_are_away_hold_up_no_other(cluster: Cluster, ledger_url: str) -> None:
    """F8 I14 I16: a primary and its replica die; feeder, sweeper, reaper and dialers of all other shards go
    on. When they are back, empty, their shards are rebuilt."""
    shards = 8
    async with a_world(ledger_url, cluster.url, shards=shards, provider=ScriptedProvider()) as world:
        await several_accounts(world, accounts=12, leads=4)
        await world.services.sweeper.step(world.now_ms)
        for shard in range(shards):
            await world.flow.wheel.begin_rebuild(shard)
            await world.flow.wheel.open_epoch(shard, "empty")
        await world.flow.lanes.shape_all(world.now_ms)
        primary = await cluster.owner(int(key_slot(b"{dw:0}")))
        replica = await cluster.replica_of(primary)
        lost = {
            shard for shard in range(shards)
            if await cluster.owner(int(key_slot(f"{{dw:{shard}}}".encode()))) is primary
        }  # fmt: skip
        replica.kill()
        primary.kill()
        belonging = await belongs(world)
        living = {each for each in belonging if each[0] not in lost}
        assert len(living) < len(belonging)

        for service in (world.services.sweeper, world.services.feeder, world.services.reaper):
            with pytest.raises(ServerUnavailable):
                await service.step(world.now_ms)
        others = [shard for shard in range(shards) if shard not in lost]
        assert as_waiting(await claim_all(world, others)) == living

        await cluster.whole()
        await world.services.sweeper.step(world.now_ms)
        await world.services.feeder.step(world.now_ms)
        assert as_waiting(await claim_all(world, sorted(lost))) == belonging - living


async def test_call_slots_that_a_failover_lost_are_back_before_anything_is_claimed(
    cluster: Cluster, ledger_url: str
) -> None:
    """F7 I1 I12: two calls of at most two go out, the replica never hears of them and takes over. Its cap
    looks empty; nothing is claimed until the ledger's calls have their slots."""
    provider = ScriptedProvider()
    limits = {"max_concurrent": 2}
    async with a_world(ledger_url, cluster.url, shards=1, provider=provider, account=limits) as world:
        loops = [await world.a_due_loop(number) for number in phones(5)]
        primary = await cluster.owner(int(key_slot(b"{dw:0}")))
        replica = await cluster.replica_of(primary)
        await cluster.cut_off(replica, primary)
        assert await world.dial() == 2
        primary.kill()
        await cluster.taken_over(replica)

        with pytest.raises(ServerUnavailable):
            await world.dial()
        with pytest.raises(EpochNotReady):
            await world.dial()
        assert await world.calls_on_wheel() == 0
        await world.services.sweeper.step(world.now_ms)
        assert await world.calls_on_wheel() == 2
        assert await world.dial() == 0
        assert len(provider.placed) == 2

        for loop_id in loops:
            for attempt in await world.attempts(loop_id):
                end = an_end(attempt["attempt_id"], world.now_ms, "completed", disposition="converted")
                settled = await world.settle(end)
                await world.flow.wheel.settle(
                    ends=settled.ends, now_ms=world.now_ms, wall_ms=world.clock.wall_ms()
                )
        world.pass_time(2 * SECOND)
        while await world.dial():  # the two whose calls the replica had not heard of come up again: not armed
            pass
        assert len({action.to for action in provider.placed}) == len(provider.placed) == 4
