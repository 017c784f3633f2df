"""The circuit breaker: a trunk through which nothing gets burns none of its leads (MISSION)."""

from __future__ import annotations

import pytest

from dialer.providers.base import Accepted, Action, NotDialled, PlaceResult, Unknown
from scheduler.domain.time import MINUTE, SECOND
from scheduler.flow.breaker import Breakers
from scheduler.ledger.trunks import create_trunk
from scheduler.wheel.looking import look_at_gates
from tests.builders import TUESDAY_2PM, ScriptedProvider, World, phones
from tests.dialer.builders import HandClock
from tests.worlds import OpenWorld

BROKEN = NotDialled("http 503", "route")


async def a_broken_world(open_world: OpenWorld, answer: PlaceResult = BROKEN, **how: object) -> World:
    """Five failures in a minute shut a gate; one call in half a minute tries."""
    world: World = await open_world(
        provider=ScriptedProvider(lambda _: answer), clock=HandClock(TUESDAY_2PM), breaker_failures=5, **how
    )
    return world


def breakers_of(world: World) -> Breakers:
    breakers = world.dialing.breakers
    assert breakers is not None
    return breakers


async def step(world: World, dialled: int | None = None) -> None:
    """One pass of the dialer, then of the breakers."""
    claimed = await world.dial()
    assert dialled is None or claimed == dialled
    await breakers_of(world).step(world.now_ms)


async def is_shut(world: World, gate: str) -> bool:
    return (await look_at_gates(world.flow.wheel, 0, [gate], world.now_ms))[gate].paused


@pytest.mark.parametrize("answer", [BROKEN, NotDialled("http 401", "account"), Unknown("timeout")], ids=str)
async def test_failures_of_ours_shut_the_agents_gate(open_world: OpenWorld, answer: PlaceResult) -> None:
    """D30: nobody's errors are counted, and those who wait are not tried."""
    world = await a_broken_world(open_world, answer)
    for phone in phones(5):
        await world.a_due_loop(phone)
    await step(world, dialled=5)
    assert await is_shut(world, f"g:{world.agent_id}")

    await world.a_due_loop(phones(6)[5])
    await step(world, dialled=0)
    assert await world.value("SELECT max(consecutive_errors) FROM loop") == 0
    assert await world.value("SELECT reason FROM breaker") == answer.reason


async def test_a_trunk_is_shut_for_all_its_agents_and_survives_a_lost_wheel(open_world: OpenWorld) -> None:
    """I22: the ledger keeps it."""
    world = await a_broken_world(open_world)
    trunk_id = await create_trunk(
        world.stores.database, account_id=world.account_id, name="East", now_ms=world.now_ms
    )
    await world.run("UPDATE agent SET trunk_id = $1", trunk_id)
    await world.flow.lanes.reroute([world.agent_id], world.now_ms)
    for phone in phones(5):
        await world.a_due_loop(phone)
    await step(world, dialled=5)

    await world.flow.wheel.begin_rebuild(0)
    await world.services.sweeper.step(world.now_ms)

    assert await is_shut(world, f"t:{trunk_id}")
    assert not await is_shut(world, f"g:{world.agent_id}")


async def test_one_call_in_a_while_tries_and_the_first_that_gets_through_opens_the_gate(
    open_world: OpenWorld,
) -> None:
    """I14 I16: by itself, and without a burst at a trunk that is broken still."""
    world = await a_broken_world(open_world)
    for phone in phones(12):
        await world.a_due_loop(phone)
    world.dialing.worker._limits = world.dialing.worker._limits.__class__(
        claim_batch=5, claim_ahead_ms=250, claims_held=500, dial_lines=2, line_failures=20
    )
    await step(world, dialled=5)
    placed = world.provider.placed
    for _ in range(2):
        world.pass_time(30 * SECOND)
        before = len(placed)
        await breakers_of(world).step(world.now_ms)
        await step(world, dialled=1)
        assert len(placed) == before + 1
        await step(world, dialled=0)

    world.provider.answer = lambda action: Accepted(f"ref-{action.attempt_id}")
    world.pass_time(30 * SECOND)
    await breakers_of(world).step(world.now_ms)
    await step(world, dialled=1)

    assert not await is_shut(world, f"g:{world.agent_id}")
    assert await world.value("SELECT count(*) FROM breaker") == 0
    await step(world, dialled=5)


async def test_of_two_processes_only_one_lets_a_call_through(open_world: OpenWorld) -> None:
    world = await a_broken_world(open_world)
    other = await a_broken_world(open_world)
    for phone in phones(8):
        await world.a_due_loop(phone)
    world.dialing.worker._limits = world.dialing.worker._limits.__class__(
        claim_batch=5, claim_ahead_ms=250, claims_held=500, dial_lines=2, line_failures=20
    )
    await step(world, dialled=5)
    for each in (world, other):
        each.pass_time(30 * SECOND)
    await breakers_of(world).step(world.now_ms)
    await step(world, dialled=1)
    await breakers_of(other).step(other.now_ms)

    assert await other.dial() == 0


async def test_now_and_then_a_failure_or_one_of_the_number_shuts_nothing(open_world: OpenWorld) -> None:
    world = await a_broken_world(open_world)

    def answer(action: Action) -> PlaceResult:
        bad = NotDialled("no such number", "number", outcome="invalid_number")
        return {0: BROKEN, 1: bad}.get(action.attempt_id % 4, Accepted(f"ref-{action.attempt_id}"))

    world.provider.answer = answer
    for phone in phones(16):
        await world.a_due_loop(phone)
    await step(world, dialled=16)
    assert not await is_shut(world, f"g:{world.agent_id}")

    world.pass_time(2 * MINUTE)
    world.provider.answer = lambda _: BROKEN
    await step(world, dialled=4)
    assert not await is_shut(world, f"g:{world.agent_id}"), "what was long ago is not counted"
