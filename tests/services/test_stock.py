"""Of a paced batch only what it can give out is on the wheel; the rest waits in the ledger (DESIGN 4)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.model import Priority
from scheduler.errors import ServerUnavailable
from scheduler.flow.batches import change_batch
from scheduler.flow.pause import Scope, pause, resume
from scheduler.ledger.instants import to_datetime
from tests.builders import (
    ACTOR,
    HOUR,
    MINUTE,
    NOBODY_ANSWERS,
    SECOND,
    TUESDAY_2PM,
    ScriptedProvider,
    World,
    a_world,
    empty,
    phones,
)
from tests.services.test_feeder_and_sweeper import on_wheel
from tests.worlds import OpenWorld

EAST = (212, 646, 718, 917, 347, 516, 631, 914, 845, 585)
WEST = (213, 310, 323, 415, 408, 510, 619, 714, 818, 626)
ONCE = {"strategy": "intervals", "intervals_s": [60], "max_attempts": 1}


async def a_paced_batch(world: World, count: int, per_min: float, areas: tuple[int, ...] = EAST) -> int:
    """A batch of leads that are due at once, where it is open."""
    batch_id = await world.a_batch(f'{{"max_per_min": {per_min}}}')
    numbers = phones(count, areas)
    for start in range(0, count, 400):
        await world.enrol(numbers[start : start + 400], batch_id=batch_id)
    return batch_id


async def held(world: World) -> int:
    return int(await world.value("SELECT count(*) FROM loop WHERE held"))


async def give_out(world: World, length_ms: int, step_ms: int) -> list[int]:
    """Claim, arm and send what the wheel hands out, the feeder coming round as it does."""
    given: list[int] = []
    until_ms, fed_ms = world.now_ms + length_ms, 0
    while world.now_ms < until_ms:
        if world.now_ms - fed_ms >= world.stores.settings.feed_s * SECOND:
            await world.services.feeder.step(world.now_ms)
            fed_ms = world.now_ms
        await world.services.calendars.step(world.now_ms)
        while claimed := await world.dial():
            given += [world.now_ms] * claimed
        world.pass_time(step_ms)
    return given


@pytest.mark.parametrize(("per_min", "most"), [(5, 360), (10, 720), (30, 1000)])
async def test_an_import_puts_what_its_pace_gives_out_in_a_little_over_a_horizon_on_the_wheel(
    open_world: OpenWorld, per_min: float, most: int
) -> None:
    """DESIGN 4: 1.2 horizons of an hour; memory follows the pace, not the leads."""
    world = await open_world()

    await a_paced_batch(world, 1000, per_min)
    for _ in range(3):
        await world.services.feeder.step(world.now_ms)

    assert await world.waiting_on_wheel() == most
    assert await held(world) == 1000 - most


async def test_live_leads_and_callbacks_of_a_paced_batch_are_never_held_back(open_world: OpenWorld) -> None:
    """I17."""
    world = await open_world()
    batch_id = await a_paced_batch(world, 100, 1)

    await world.enrol(["+12125550199"], priority=Priority.LIVE, batch_id=batch_id)

    [claim] = await world.claim(limit=1)
    assert await world.value("SELECT count(*) FROM loop WHERE loop_id = $1 AND NOT held", claim.loop_id) == 1
    assert (await world.waiting_on_wheel(), await held(world)) == (72, 28)


async def test_what_is_held_back_is_neither_swept_up_nor_rebuilt(
    open_world: OpenWorld, valkey_url: str
) -> None:
    """I14 I22: the sweeper's comparing and the rebuild keep the same limits as the feeder."""
    world = await open_world()
    await a_paced_batch(world, 400, 2)
    before = await on_wheel(valkey_url)
    world.pass_time(2 * MINUTE)
    for _ in range(3):
        await world.services.sweeper.step(world.now_ms)
    assert await on_wheel(valkey_url) == before

    await empty(valkey_url)
    await world.services.sweeper.step(world.now_ms)

    assert await on_wheel(valkey_url) == before
    assert len(before) == 144


async def test_a_raised_pace_refills_at_once_and_one_that_another_process_raised_within_a_period(
    open_world: OpenWorld,
) -> None:
    """Issue 4: editable while it runs."""
    world = await open_world()
    batch_id = await a_paced_batch(world, 1000, 2)
    assert await world.waiting_on_wheel() == 144

    await change_batch(
        world.flow, account_id=world.account_id, batch_id=batch_id, name=None,
        throttle={"max_per_min": 5}, actor=ACTOR, now_ms=world.now_ms,
    )  # fmt: skip
    assert await world.waiting_on_wheel() == 360

    await world.run("""UPDATE batch SET throttle = '{"max_per_min": 10}'""")
    await world.services.feeder.step(world.now_ms)
    assert (await world.waiting_on_wheel(), await held(world)) == (720, 280)


async def test_what_waits_for_its_hours_takes_no_room_from_what_is_open(open_world: OpenWorld) -> None:
    """Closed hours hold back nobody else: the East closes full, the West goes on at the batch's pace."""
    world = await open_world(provider=ScriptedProvider(), horizon_s=1800, quantum_s=15)
    world.clock.move_to(TUESDAY_2PM + 3 * HOUR + 40 * MINUTE)
    await world.services.calendars.step(world.now_ms)
    await a_paced_batch(world, 1600, 16, EAST + WEST)

    given = await give_out(world, 50 * MINUTE, 15 * SECOND)

    by_minute = Counter((at_ms - TUESDAY_2PM) // MINUTE for at_ms in given)
    assert list(by_minute.values()) == [16] * 50
    east = await world.value(
        "SELECT count(*) FROM attempt JOIN lead USING (lead_id) WHERE substr(phone, 3, 3)::integer = ANY($1)",
        list(EAST),
    )
    assert 140 <= east <= 160, "half of twenty minutes' calls"


async def test_with_the_wheel_away_everything_is_held_and_the_feeder_releases_it(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: a lead that was acknowledged is never nowhere."""
    world = await open_world()

    async def away(*arguments: Any, **named: Any) -> Any:
        raise ServerUnavailable("the wheel does not answer")

    with monkeypatch.context() as patch:
        for name in ("place", "_run"):
            patch.setattr(world.flow.wheel, name, away)
        await a_paced_batch(world, 100, 1)
        assert await held(world) == 100

    await world.services.calendars.step(world.now_ms)
    await world.services.feeder.step(world.now_ms)

    assert (await world.waiting_on_wheel(), await held(world)) == (72, 28)


async def test_feeders_side_by_side_release_no_more_than_one(open_world: OpenWorld) -> None:
    """Any number of schedulers may run."""
    one, other = await open_world(), await open_world()
    await a_paced_batch(one, 1000, 1)
    await one.run("""UPDATE batch SET throttle = '{"max_per_min": 5}'""")

    await asyncio.gather(*(world.services.feeder.step(world.now_ms) for world in (one, other)))

    assert 360 <= await one.waiting_on_wheel() <= 360 + 288
    assert await one.waiting_on_wheel() + await held(one) == 1000


async def test_a_paused_batch_is_not_topped_up_and_a_resumed_one_is(open_world: OpenWorld) -> None:
    """I9; a paced batch keeps its instants over a pause: its pace holds them."""
    world = await open_world(permit_s=0.01)
    batch_id = await a_paced_batch(world, 300, 2)
    scope = Scope("batch", world.account_id, batch_id)
    await pause(world.flow, world.clock, scope, reason="try", actor=ACTOR, permit_s=0.01)
    await world.run("""UPDATE batch SET throttle = '{"max_per_min": 4}'""")
    world.pass_time(20 * MINUTE)

    await world.services.feeder.step(world.now_ms)
    assert await world.waiting_on_wheel() == 144
    assert await resume(world.flow, world.clock, scope, spread_over_s=600, actor=ACTOR) == 0
    await world.services.feeder.step(world.now_ms)

    assert await world.waiting_on_wheel() == 288


async def test_a_feeder_with_a_full_wheel_or_nothing_to_do_keeps_no_stepped_clock_busy(
    open_world: OpenWorld,
) -> None:
    """DESIGN 1: what waits on the wheel says when; what cannot be released yet says its own instant."""
    world = await open_world()
    assert await world.services.feeder.next_at() is None
    batch_id = await a_paced_batch(world, 200, 1)
    await world.services.feeder.step(world.now_ms)
    assert await world.services.feeder.next_at() is None

    await world.run("UPDATE loop SET held = true, next_at = next_at + interval '5 hours'")
    await world.flow.wheel.drop_lanes(0, [row["lane_id"] for row in await world.rows("SELECT * FROM lane")])
    await world.services.feeder.step(world.now_ms)
    assert await world.services.feeder.next_at() == TUESDAY_2PM + 5 * HOUR
    await world.run("UPDATE batch SET status = 'paused' WHERE batch_id = $1", batch_id)
    assert await world.services.feeder.next_at() is None


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(horizon_s=st.sampled_from([360, 600, 900]), start_h=st.sampled_from([0.0, 3.6]), feed_s=st.just(300))
async def test_a_paced_batch_of_2000_leads_ends_exactly_each_rung_once(
    ledger_url: str, valkey_url: str, horizon_s: int, start_h: float, feed_s: int
) -> None:
    """I1 I13 I14: nothing sticks, though only a part is ever on the wheel; overnight as well."""
    await empty(valkey_url)
    async with a_world(
        ledger_url, valkey_url, model=NOBODY_ANSWERS, auto_dialer=ONCE, horizon_s=horizon_s, feed_s=feed_s,
        start_ms=TUESDAY_2PM + int(start_h * HOUR),
    ) as world:  # fmt: skip
        batch_id = await a_paced_batch(world, 2000, 60, EAST + WEST)
        most = 0

        async def look() -> None:
            nonlocal most
            most = max(most, await world.waiting_on_wheel())

        assert await world.stepper().play(asyncio.Event(), look)

        rung = sorted((ring.at_ms, ring.phone) for ring in world.provider.rings)
        assert len(rung) == len({phone for _, phone in rung}) == 2000
        ended = await world.rows("SELECT end_reason, count(*) AS n FROM loop GROUP BY end_reason")
        assert [(row["end_reason"], row["n"]) for row in ended] == [("max_attempts", 2000)]
        assert most <= 2 * world.flow.stock.most(60), "the closed and the open zone, a share each"
        minutes = Counter(at_ms // MINUTE for at_ms, _ in rung)
        assert max(minutes.values()) <= 60 + 15, "the pace, and the burst of a quantum"
        assert (await world.verdict()).clean
        assert batch_id
        async with world.stores.database.connection() as on:  # the next example starts from nothing
            await on.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


async def test_after_any_change_of_pace_the_wheel_is_what_the_ledger_says(
    open_world: OpenWorld, valkey_url: str
) -> None:
    """I22: no instant of before stays behind, nothing that is held back is there, nobody waits twice."""
    world = await open_world()
    batch_id = await a_paced_batch(world, 900, 4, EAST + WEST)
    changes: list[dict[str, Any]] = [
        {"max_per_min": None},
        {"spread_over_s": 600},
        {"start_at": to_datetime(world.now_ms + 5 * HOUR)},
        {"start_at": None, "spread_over_s": 0},
        {"max_per_min": 3},
        {"max_per_min": 6, "max_concurrent": 2},
        {"max_per_min": None, "spread_over_s": 20 * HOUR // SECOND},
    ]
    for throttle in changes:
        world.pass_time(MINUTE)
        await change_batch(
            world.flow, account_id=world.account_id, batch_id=batch_id, name=None, throttle=throttle,
            actor=ACTOR, now_ms=world.now_ms,
        )  # fmt: skip

        there = await on_wheel(valkey_url)
        rows = await world.rows(
            "SELECT lane_id, loop_id, (extract(epoch FROM next_at) * 1000)::bigint AS at FROM loop"
            " WHERE NOT held AND next_at <= $1",
            to_datetime(world.now_ms + HOUR + HOUR // 4),
        )
        assert there == {(row["lane_id"], row["loop_id"], row["at"]) for row in rows}, throttle
        assert len({loop_id for _, loop_id, _ in there}) == len(there) == await world.waiting_on_wheel()
