"""The dialer sends once, or says honestly that it did not (DESIGN 5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid5

import pytest

from api.parts import dialing_tasks, run_until
from dialer.providers.base import Accepted, Action, MayLeave, NotDialled, PlaceResult, Unknown
from scheduler.clock import RealClock
from scheduler.domain.time import HOUR, MINUTE, SECOND
from scheduler.errors import EpochNotReady, ServerUnavailable
from scheduler.ledger.instants import to_ms
from tests.builders import PHONE, TUESDAY_2PM, FreezingClock, ScriptedProvider, World, empty, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def scripted(open_world: OpenWorld) -> World:
    """A world whose provider does as it is told and whose machine can be frozen."""
    world: World = await open_world(provider=ScriptedProvider(), clock=FreezingClock(TUESDAY_2PM))
    return world


def freezes(world: World, seconds: float, then: Callable[[], object] | None = None) -> None:
    """The next arm takes this long on the machine's own clocks, after its commit."""
    real = world.stores.ledger.transaction

    def slow():
        world.stores.ledger.transaction = real  # type: ignore[method-assign]
        world.clock.freeze(seconds)  # type: ignore[attr-defined]
        if then is not None:
            then()
        return real()

    world.stores.ledger.transaction = slow  # type: ignore[method-assign]


async def test_a_due_loop_is_sent_once_with_the_attempts_own_key(scripted: World) -> None:
    """I1: the key is made of the installation and the attempt; a second try would bear the same."""
    loop_id = await scripted.a_due_loop()

    assert await scripted.dial() == 1
    assert await scripted.dial() == 0

    [attempt] = await scripted.attempts(loop_id)
    [action] = scripted.provider.placed
    assert action.key == uuid5(UUID(int=1), str(attempt["attempt_id"]))
    assert (action.to, action.number) == (PHONE, 1)
    assert action.not_after_ms == to_ms(attempt["not_after"])
    assert (attempt["state"], attempt["provider_call_id"]) == ("accepted", f"ref-{attempt['attempt_id']}")


async def test_a_dialer_frozen_after_its_arm_does_not_send(scripted: World) -> None:
    """I3 Z: it wakes after its permit's end, testifies not_sent, and the next pass sends in its place."""
    loop_id = await scripted.a_due_loop()
    freezes(scripted, 2.5)

    assert await scripted.dial() == 1
    assert scripted.provider.placed == []
    [attempt] = await scripted.attempts(loop_id)
    assert (attempt["state"], attempt["dispatched_at"]) == ("not_sent", None)
    assert await scripted.calls_on_wheel() == 0

    assert await scripted.dial() == 1
    assert [action.number for action in scripted.provider.placed] == [1]
    assert await scripted.value("SELECT count(*) FROM arm") == 2


async def test_a_clock_that_passed_the_closing_during_the_arm_does_not_send(scripted: World) -> None:
    """I7: the hours are looked at once more, at the gate."""
    loop_id = await scripted.a_due_loop()
    freezes(scripted, 0, lambda: scripted.pass_time(4 * HOUR))

    await scripted.dial()

    assert scripted.provider.placed == []
    assert (await scripted.attempts(loop_id))[0]["state"] == "not_sent"
    await scripted.dial()
    loop = await scripted.loop(loop_id)
    assert loop["status"] == "scheduled"
    assert to_ms(loop["next_at"]) >= TUESDAY_2PM + 19 * HOUR


@pytest.mark.parametrize("fault", ["answer", "exception", "short"])
async def test_what_is_unknown_is_never_placed_again(scripted: World, fault: str) -> None:
    """I1, RELIABILITY 3.6: a timeout, an adapter that breaks, an adapter that answers too little."""

    async def broken(actions: list[Action], now_ms: int, may_leave: MayLeave) -> list[PlaceResult]:
        scripted.provider.placed += actions
        if fault == "exception":
            raise RuntimeError("no phone in here")
        return [] if fault == "short" else [Unknown("timeout")] * len(actions)

    scripted.provider.place = broken
    loop_id = await scripted.a_due_loop()

    await scripted.dial()

    [attempt] = await scripted.attempts(loop_id)
    assert (attempt["state"], attempt["outcome"]) == ("unknown", None)
    assert await scripted.calls_on_wheel() == 1, "I12: an unknown call holds its slot"
    scripted.pass_time(10 * MINUTE)
    await scripted.services.sweeper.step(scripted.now_ms)
    await scripted.services.reconciler.step(scripted.now_ms)
    assert await scripted.dial() == 0
    scripted.pass_time(6 * MINUTE)
    await scripted.services.reconciler.step(scripted.now_ms)
    await scripted.services.feeder.step(scripted.now_ms)
    await scripted.dial()

    assert len({action.key for action in scripted.provider.placed}) == len(scripted.provider.placed)
    attempts = await scripted.attempts(loop_id)
    assert attempts[0]["outcome"] == "unknown"
    assert await scripted.value("SELECT cardinality(contacts) FROM lead") == 1, "I11: it counts as a call"


async def test_what_was_certainly_not_dialled_gives_everything_back_and_waits(open_world: OpenWorld) -> None:
    """DESIGN 5.3: slot, token and number come back; the loop waits as long as the provider says."""
    refuses = ScriptedProvider(lambda action: NotDialled("429", "account", retry_after_s=90))
    world = await open_world(provider=refuses, account={"max_concurrent": 1})
    loop_id = await world.a_due_loop()

    await world.dial()

    loop = await world.loop(loop_id)
    assert (to_ms(loop["next_at"]), loop["attempts"]) == (TUESDAY_2PM + 90 * SECOND, 0)
    assert await world.calls_on_wheel() == 0
    assert await world.dial() == 0
    refuses.answer = lambda action: Accepted("r")
    world.pass_time(90 * SECOND)
    assert await world.dial() == 1
    assert (await world.attempts(loop_id))[0]["state"] == "accepted"


async def test_one_refusal_in_a_batch_leaves_the_others_alone(open_world: OpenWorld) -> None:
    """RELIABILITY 3.6: each action has its own answer."""
    unlucky = phones(3)[1]
    provider = ScriptedProvider(
        lambda action: NotDialled("no route") if action.to == unlucky else Accepted(f"r{action.attempt_id}")
    )
    world = await open_world(provider=provider)
    loops = [await world.a_due_loop(number) for number in phones(3)]

    await world.dial()

    states = [(await world.attempts(loop_id))[0]["state"] for loop_id in loops]
    assert states == ["accepted", "not_sent", "accepted"]


async def test_a_lost_wheel_is_noticed_and_the_next_pass_asks_for_its_epoch(
    scripted: World, valkey_url: str
) -> None:
    """I14: claims are refused until the rebuild, then go on by themselves."""
    loop_id = await scripted.a_due_loop()
    await scripted.dialing.worker.dial(0)
    other = await scripted.a_due_loop(phones(2)[1])
    await empty(valkey_url)

    with pytest.raises(EpochNotReady):
        await scripted.dialing.worker.dial(0)
    await scripted.services.sweeper.step(scripted.now_ms)

    assert await scripted.dial() == 1
    assert (await scripted.attempts(other))[0]["state"] == "accepted"
    assert len(await scripted.attempts(loop_id)) == 1


async def test_a_stopped_dialer_writes_down_what_it_has_sent(open_world: OpenWorld) -> None:
    """I23: the recorder outlives the lines; a call placed while the process stops is not left in doubt."""
    provider = ScriptedProvider()
    world = await open_world(provider=provider, start_ms=TUESDAY_2PM)
    loop_id = await world.a_due_loop()
    stop = asyncio.Event()
    place = provider.place

    async def slow(actions: list[Action], now_ms: int, may_leave: MayLeave) -> list[PlaceResult]:
        stop.set()
        for _ in range(20):  # every other task has had its turns and could have ended
            await asyncio.sleep(0.01)
        return await place(actions, now_ms, may_leave)

    provider.place = slow  # type: ignore[method-assign]

    await run_until(dialing_tasks(world.stores, world.dialing, stop), stop)

    assert (await world.attempts(loop_id))[0]["state"] == "accepted"


async def test_a_provider_that_is_away_for_a_while_does_not_end_the_dialer(open_world: OpenWorld) -> None:
    """I14: its events wait; what was dialled meanwhile is settled when it answers again."""
    provider = ScriptedProvider()
    world = await open_world(provider=provider, clock=RealClock())
    stop = asyncio.Event()
    asked = 0

    async def events(now_ms: int, limit: int) -> list:
        nonlocal asked
        asked += 1
        if asked == 2:
            stop.set()
        raise ServerUnavailable("the provider does not answer")

    provider.events = events  # type: ignore[method-assign]

    await run_until(dialing_tasks(world.stores, world.dialing, stop), stop)

    assert asked >= 2
