"""The wheel holds what the next hour needs, and gets back what it lost (DESIGN 4, Horizon)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from scheduler.domain.time import HOUR, MINUTE, Ms
from scheduler.errors import EpochNotReady
from scheduler.ledger.instants import to_datetime
from scheduler.services import feeder as feeder_module
from scheduler.wheel import Placing
from tests.builders import TUESDAY_2PM, ScriptedProvider, World, an_end, empty, phones
from tests.worlds import OpenWorld

SLOT_MS = MINUTE


async def on_wheel(redis_url: str) -> set[tuple[int, int, Ms]]:
    """Everything that waits: (lane, loop, due), read from the server's own keys."""
    client: Redis = Redis.from_url(redis_url, decode_responses=True)
    found = set()
    async for name in client.scan_iter(match="{dw:0}:*:slot:*"):
        lane, slot = str(name).split(":")[-2:]
        waiting: Any = await client.zrange(name, 0, -1, withscores=True)
        for loop, offset in waiting:
            number, _, part = slot.partition(".")
            begin_ms = int(number) * SLOT_MS + int(part or 0) * SLOT_MS // 16
            found.add((int(lane), int(loop), begin_ms + int(offset)))
    await client.aclose()
    return found


async def due(world: World, until_ms: Ms) -> set[tuple[int, int, Ms]]:
    """What the ledger says should be there."""
    rows = await world.rows(
        "SELECT lane_id, loop_id, (extract(epoch FROM next_at) * 1000)::bigint AS at FROM loop"
        " WHERE next_at < $1",
        to_datetime(until_ms),
    )
    return {(row["lane_id"], row["loop_id"], row["at"]) for row in rows}


async def waiting_loops(world: World, instants: list[Ms]) -> list[int]:
    """Loops that wait in the ledger alone, one at each instant."""
    enrolled = await world.enrol(phones(len(instants)))
    loops = [row.loop_id for row in enrolled if row.loop_id is not None]
    await world.flow.wheel.begin_rebuild(0)
    for loop_id, at_ms in zip(loops, instants, strict=True):
        await world.run(
            "UPDATE loop SET next_at = $2, open_until = $2::timestamptz + interval '1 hour'"
            " WHERE loop_id = $1",
            loop_id,
            to_datetime(at_ms),
        )
    await world.flow.lanes.shape_all(world.now_ms)
    await world.flow.wheel.open_epoch(0, "test")
    return loops


async def test_the_feeder_begins_at_the_beginning_of_time(world: World, valkey_url: str) -> None:
    """I14: what came due while nothing ran is fed first, however old."""
    loops = await waiting_loops(world, [1, TUESDAY_2PM - 30 * 24 * HOUR, TUESDAY_2PM])

    await world.services.feeder.step(world.now_ms)

    assert {loop for _, loop, _ in await on_wheel(valkey_url)} == set(loops)


async def test_the_feeder_stops_at_the_horizon_and_goes_on_from_there(world: World, valkey_url: str) -> None:
    """DESIGN 4: memory follows the next hour's work; none that lies between two steps is missed."""
    ats = [TUESDAY_2PM + HOUR - 1, TUESDAY_2PM + HOUR, TUESDAY_2PM + 2 * HOUR]
    loops = await waiting_loops(world, ats)
    fed = []

    for hours in range(3):
        await world.services.feeder.step(TUESDAY_2PM + hours * HOUR)
        fed.append({loop for _, loop, _ in await on_wheel(valkey_url)})

    assert fed == [{loops[0]}, {loops[0], loops[1]}, set(loops)]


async def test_the_feeder_says_when_it_is_needed_next(world: World) -> None:
    """DESIGN 1: a stepped clock goes straight to what lies beyond the horizon."""
    await waiting_loops(world, [TUESDAY_2PM, TUESDAY_2PM + 5 * HOUR])
    await world.services.feeder.step(world.now_ms)

    assert await world.services.feeder.next_at() == TUESDAY_2PM + 5 * HOUR


async def test_pages_that_end_within_one_instant_lose_nobody(
    world: World, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: ten loops at one instant, read three at a time."""
    monkeypatch.setattr(feeder_module, "PAGE", 3)
    loops = await waiting_loops(world, [TUESDAY_2PM] * 10)

    await world.services.feeder.step(world.now_ms)

    assert {loop for _, loop, _ in await on_wheel(valkey_url)} == set(loops)


@pytest.mark.parametrize("due_in_ms", [0, 30 * MINUTE], ids=["overdue", "within the horizon"])
async def test_the_sweeper_puts_back_what_was_lost_from_the_wheel(
    world: World, valkey_url: str, due_in_ms: Ms
) -> None:
    """I14: a lost ZADD costs a minute, not the lead."""
    loops = await waiting_loops(world, [TUESDAY_2PM + due_in_ms])
    await world.services.feeder.step(world.now_ms)
    lane = (await world.loop(loops[0]))["lane_id"]
    assert await world.flow.wheel.withdraw([(0, lane, loops[0])], world.now_ms) == 1
    world.pass_time(2 * MINUTE)

    await world.services.sweeper.step(world.now_ms)

    assert await on_wheel(valkey_url) == await due(world, TUESDAY_2PM + HOUR)


async def test_the_sweeper_leaves_alone_what_is_leased_or_waits_at_its_instant(world: World) -> None:
    """I14: comparing is not changing; a claim in progress is not handed out a second time."""
    await waiting_loops(world, [TUESDAY_2PM, TUESDAY_2PM])
    await world.services.feeder.step(world.now_ms)
    [leased] = await world.claim(limit=1)
    world.pass_time(2 * MINUTE)

    await world.services.sweeper.step(world.now_ms)

    assert [claim.loop_id for claim in await world.claim()] != [leased.loop_id]
    assert await world.claim() == []


async def test_a_loop_swept_at_an_instant_of_before_comes_back_at_its_new_one(
    world: World, valkey_url: str
) -> None:
    """I6 I14: the sweeper read the ledger just before a plan changed; the arm drops the old instant."""
    loops = await waiting_loops(world, [TUESDAY_2PM])
    loop = await world.loop(loops[0])
    await world.run("UPDATE loop SET next_at = next_at + interval '20 minutes'")
    await world.flow.wheel.place([Placing(0, loop["lane_id"], loops[0], TUESDAY_2PM)], world.now_ms)

    assert await world.dial() == 1
    assert await world.attempts(loops[0]) == []
    await world.services.sweeper.step(world.now_ms)

    assert await on_wheel(valkey_url) == {(loop["lane_id"], loops[0], TUESDAY_2PM + 20 * MINUTE)}


async def test_a_lost_wheel_is_rebuilt_as_it_was(world: World, valkey_url: str) -> None:
    """I22: as a set of (lane, loop, due), minus what is leased."""
    spread = [TUESDAY_2PM + minute * MINUTE for minute in range(0, 90, 3)]
    await waiting_loops(world, spread)
    await world.services.feeder.step(world.now_ms)
    before = await on_wheel(valkey_url)
    await empty(valkey_url)

    with pytest.raises(EpochNotReady):
        await world.dialing.worker.dial(0)
    await world.services.sweeper.step(world.now_ms)

    assert len(before) == 20
    assert await on_wheel(valkey_url) == before == await due(world, TUESDAY_2PM + HOUR)


async def test_after_a_loss_calls_under_way_take_their_slots_before_anything_is_claimed(
    open_world: OpenWorld, valkey_url: str
) -> None:
    """I1 I12 F6: FLUSHALL in the middle; the cap of two holds, the two in call are not called again."""
    world = await open_world(provider=ScriptedProvider(), account={"max_concurrent": 2})
    numbers = phones(5)
    loops = [await world.a_due_loop(number) for number in numbers]
    assert await world.dial() == 2

    await empty(valkey_url)
    await world.services.sweeper.step(world.now_ms)

    assert await world.calls_on_wheel() == 2
    assert await world.waiting_on_wheel() == 3
    with_calls = [loop_id for loop_id in loops if await world.attempts(loop_id)]
    with pytest.raises(EpochNotReady):
        await world.dial()
    assert await world.dial() == 0
    settled = await world.settle(
        *[
            an_end(attempt["attempt_id"], TUESDAY_2PM, "completed", disposition="converted")
            for loop_id in with_calls
            for attempt in await world.attempts(loop_id)
        ]
    )
    await world.flow.wheel.settle(ends=settled.ends, now_ms=world.now_ms, wall_ms=world.clock.wall_ms())
    assert await world.dial() == 2
    assert len({action.to for action in world.provider.placed}) == 4


async def test_a_wheel_lost_between_claim_and_arm_doubles_nobody(world: World, valkey_url: str) -> None:
    """I1 F6: the claim outlives the wheel, the loop is claimed again after the rebuild; one of them arms."""
    loop_id = await world.a_due_loop()
    claims = await world.claim()
    await empty(valkey_url)
    await world.services.sweeper.step(world.now_ms)
    again = await world.claim()
    assert [claim.loop_id for claim in again] == [claim.loop_id for claim in claims] == [loop_id]

    first, second = await world.arm(again), await world.arm(claims)

    assert (len(first.armed), len(second.armed)) == (1, 0)


async def test_two_sweepers_rebuild_once(open_world: OpenWorld, valkey_url: str) -> None:
    """F28 I12: the second one finds the wheel whole and does not wipe what was leased meanwhile."""
    one, other = await open_world(), await open_world()
    await one.a_due_loop()
    await empty(valkey_url)
    looked = asyncio.Event()
    rebuilt = asyncio.Event()
    epoch = other.flow.wheel.epoch

    async def slow_look(shard: int) -> str | None:
        found: str | None = await epoch(shard)
        if not looked.is_set():
            looked.set()
            await rebuilt.wait()
        return found

    other.flow.wheel.epoch = slow_look
    late = asyncio.create_task(other.services.sweeper.step(other.now_ms))
    await looked.wait()
    await one.services.sweeper.step(one.now_ms)
    [claim] = await one.claim()
    rebuilt.set()
    await late

    assert (await one.flow.wheel.counts(0, one.now_ms)).leased == 1
    assert await one.claim() == [], f"loop {claim.loop_id} is leased"
