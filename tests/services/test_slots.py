"""Call slots follow the calls of the ledger. I12, RELIABILITY 3.2: sweep."""

from __future__ import annotations

from scheduler.domain.time import MINUTE
from tests.builders import ScriptedProvider, World, an_end, phones
from tests.worlds import OpenWorld


async def one_call_of_two(open_world: OpenWorld) -> World:
    """An account that may have one call at a time has one; another lead is due."""
    world: World = await open_world(provider=ScriptedProvider(), account={"max_concurrent": 1})
    for number in phones(2):
        await world.a_due_loop(number)
    assert await world.dial() == 1
    return world


async def test_an_end_that_the_wheel_never_heard_of_frees_its_slot(open_world: OpenWorld) -> None:
    """The wheel was away for the second in which the call ended: not the next hour's capacity is lost."""
    world = await one_call_of_two(open_world)
    [attempt] = await world.rows("SELECT attempt_id FROM attempt")
    await world.settle(an_end(attempt["attempt_id"], world.now_ms, "completed", disposition="converted"))
    assert await world.dial() == 0
    world.pass_time(2 * MINUTE)
    await world.services.sweeper.step(world.now_ms)
    assert await world.calls_on_wheel() == 0
    assert await world.dial() == 1
    assert len(world.provider.placed) == 2


async def test_a_long_call_keeps_its_slot(open_world: OpenWorld) -> None:
    """I12."""
    world = await one_call_of_two(open_world)
    world.pass_time(30 * MINUTE)
    await world.services.sweeper.step(world.now_ms)
    assert await world.calls_on_wheel() == 1
    assert await world.dial() == 0


async def test_a_claim_of_a_moment_ago_keeps_its_slot(open_world: OpenWorld) -> None:
    """It has not armed yet: the ledger knows of no call."""
    world: World = await open_world(provider=ScriptedProvider(), account={"max_concurrent": 1})
    for number in phones(2):
        await world.a_due_loop(number)
    assert len(await world.claim()) == 1
    await world.services.sweeper.step(world.now_ms)
    assert await world.calls_on_wheel() == 1
    assert await world.claim() == []
