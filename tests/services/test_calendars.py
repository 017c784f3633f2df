"""Closed hours hold back nobody else: lanes are told when they close and open (DESIGN 4, lanes)."""

from __future__ import annotations

import pytest

from scheduler.domain.model import Priority
from scheduler.domain.time import HOUR, MINUTE
from scheduler.errors import ServerUnavailable
from tests.builders import PHONE, TUESDAY_2PM, ScriptedProvider
from tests.worlds import OpenWorld

SEATTLE = "+12065550100"


async def test_at_six_the_east_closes_and_the_west_goes_on(open_world: OpenWorld) -> None:
    """I7: 17:59 in New York is 14:59 in Seattle; the closed lane gives nothing out and spends nothing."""
    world = await open_world(provider=ScriptedProvider())
    world.clock.move_to(TUESDAY_2PM + 4 * HOUR - 2 * MINUTE)
    await world.enrol([PHONE, SEATTLE], priority=Priority.LIVE)
    await world.run("UPDATE loop SET next_at = next_at - interval '1 hour'")
    await world.services.calendars.step(world.now_ms)
    world.clock.move_to(TUESDAY_2PM + 4 * HOUR - MINUTE)
    await world.services.calendars.step(world.now_ms)
    await world.services.sweeper.step(world.now_ms)

    assert await world.dial() == 1

    assert [action.to for action in world.provider.placed] == [SEATTLE]
    assert (await world.flow.wheel.counts(0, world.now_ms)).held == 1


async def test_in_the_morning_the_lane_opens_by_itself(open_world: OpenWorld) -> None:
    """DESIGN 4: the wheel knows the opening; nothing polls for it."""
    world = await open_world(provider=ScriptedProvider())
    await world.enrol([PHONE], priority=Priority.LIVE)
    await world.services.calendars.step(world.now_ms)
    world.clock.move_to(TUESDAY_2PM + 5 * HOUR)
    await world.services.calendars.step(world.now_ms)
    assert await world.dial() == 0

    wake = await world.flow.wheel.next_wake(0, world.now_ms)

    assert wake == TUESDAY_2PM + 19 * HOUR
    world.clock.move_to(wake)
    await world.services.calendars.step(world.now_ms)
    assert await world.dial() == 1


async def test_new_windows_hold_for_the_lanes_at_the_next_look(open_world: OpenWorld) -> None:
    """I10 MISSION: settings reach the wheel without a rebuild."""
    world = await open_world(provider=ScriptedProvider())
    loop_id = await world.a_due_loop()
    never = '{"sun": {"enabled": true, "ranges": [{"start": "12:00", "end": "13:00"}]}}'
    await world.services.calendars.step(world.now_ms)
    await world.next_version(f"windows = '{never}'")
    world.pass_time(24 * HOUR)  # how often a stepped world looks for new policies

    await world.services.calendars.step(world.now_ms)

    assert (await world.flow.wheel.counts(0, world.now_ms)).held == 1
    assert await world.dial() == 0
    assert await world.attempts(loop_id) == []


async def test_lanes_and_gates_made_while_the_wheel_was_away_are_shaped_later(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: a gate that was never shaped lets nothing through; the next look shapes what is not."""
    world = await open_world(provider=ScriptedProvider())

    async def away(**rest: object) -> None:
        raise ServerUnavailable("Redis does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(world.flow.wheel, "shape", away)
        loop_id = await world.a_due_loop(batch_id=await world.a_batch())
    assert await world.dial() == 0

    await world.services.calendars.step(world.now_ms)

    assert await world.dial() == 1
    assert len(await world.attempts(loop_id)) == 1


async def test_lanes_whose_maker_died_before_shaping_them_are_shaped_by_others(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: the lane is in the ledger, the wheel knows neither it nor its gates, and nobody remembers."""
    maker = await open_world(provider=ScriptedProvider())

    async def away(**rest: object) -> None:
        raise ServerUnavailable("Redis does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(maker.flow.wheel, "shape", away)
        await maker.a_due_loop(batch_id=await maker.a_batch())
    other = await open_world(provider=ScriptedProvider())

    await other.services.calendars.step(other.now_ms)

    assert await other.dial() == 1
