"""The sender when the ledger is in trouble: what was armed without our hearing of it is never sent (C3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dialer.providers.base import HELD, Accepted
from scheduler.errors import ServerUnavailable
from tests.builders import TUESDAY_2PM, FreezingClock, ScriptedProvider, World, phones
from tests.dialer.builders import leased
from tests.worlds import OpenWorld


@pytest.fixture
async def scripted(open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    """Trouble rests take no time; permits are short."""
    monkeypatch.setattr("dialer.sender.TROUBLE_REST_S", 0.01)
    world: World = await open_world(
        provider=ScriptedProvider(), clock=FreezingClock(TUESDAY_2PM), permit_s=0.5
    )
    return world


def loses_commits(world: World, times: int, *, before: bool = False) -> None:
    """The next transactions of the dialer commit, and their answer is lost; or `before` they begin."""
    real, left = world.stores.ledger.transaction, [times]

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Any]:
        left[0] -= 1
        if left[0] >= 0 and before:
            raise ServerUnavailable("Postgres does not answer")
        async with real() as on:
            yield on
        if left[0] >= 0:
            raise ServerUnavailable("Postgres does not answer")

    world.stores.ledger.transaction = transaction  # type: ignore[method-assign]


async def test_a_permit_whose_answer_was_lost_is_not_used_and_said_so(scripted: World) -> None:
    """C3, I1: the commit stood; the attempt is not sent, costs nothing and is tried again at once."""
    loop_id = await scripted.a_due_loop()
    loses_commits(scripted, 1)

    assert await scripted.dial() == 1
    assert scripted.provider.placed == []
    [attempt] = await scripted.attempts(loop_id)
    assert attempt["state"] == "not_sent"
    assert await scripted.calls_on_wheel() == 0

    assert await scripted.dial() == 1
    assert [action.number for action in scripted.provider.placed] == [1]
    assert (await scripted.loop(loop_id))["attempts"] == 0, "counted when it ends"


async def test_what_could_not_be_armed_is_given_back_as_soon_as_the_ledger_answers(scripted: World) -> None:
    """I14, I16: no lease is waited for, and nothing is claimed meanwhile to bounce through leases."""
    for number in phones(3):
        await scripted.a_due_loop(number)
    loses_commits(scripted, 4, before=True)

    assert await scripted.dial() == 3
    assert await leased(scripted) == 0
    assert await scripted.calls_on_wheel() == 0
    assert await scripted.value("SELECT count(*) FROM attempt") == 0

    assert await scripted.dial() == 3
    assert len(scripted.provider.placed) == 3


async def test_an_arm_that_waits_longer_than_its_permit_lasts_is_given_up(scripted: World) -> None:
    """RELIABILITY 3.3.1: waiting for the ledger counts; what comes of it later is never sent."""
    loop_id = await scripted.a_due_loop()
    async with scripted.stores.database.transaction() as on:
        await on.execute("SELECT FROM lead FOR UPDATE")
        dial = asyncio.create_task(scripted.dialing.worker.dial(0))
        await asyncio.wait({dial}, timeout=1.0)
        assert not dial.done(), "it waits to hear what became of its permit"
    await dial
    assert scripted.provider.placed == []
    assert await scripted.attempts(loop_id) == []

    assert await scripted.dial() == 1
    assert len(scripted.provider.placed) == 1


async def test_what_the_gate_kept_back_at_the_last_moment_was_not_sent(scripted: World) -> None:
    """I3: the provider asks it once more when only the write is left."""
    loop_id = await scripted.a_due_loop()
    scripted.provider.answer = lambda action: HELD

    await scripted.dial()

    [attempt] = await scripted.attempts(loop_id)
    assert (attempt["state"], attempt["dispatched_at"]) == ("not_sent", None)
    scripted.provider.answer = lambda action: Accepted("ref")
    assert await scripted.dial() == 1, "at once: it says nothing about the route"
    assert (await scripted.attempts(loop_id))[0]["state"] == "accepted"


async def test_permits_are_void_once_the_machine_was_paused(scripted: World) -> None:
    """RELIABILITY 0.1 #20, 3.5: monotonic time stood still, wall time did not; all that was held says so."""
    loops = [await scripted.a_due_loop(number) for number in phones(2)]
    real = scripted.stores.ledger.transaction
    wall_ms = scripted.clock.wall_ms

    def paused() -> Any:
        scripted.stores.ledger.transaction = real  # type: ignore[method-assign]
        scripted.clock.wall_ms = lambda: wall_ms() + 30_000  # type: ignore[method-assign]
        return real()

    scripted.stores.ledger.transaction = paused  # type: ignore[method-assign, assignment]

    await scripted.dial()

    assert scripted.provider.placed == []
    states = [attempt["state"] for loop_id in loops for attempt in await scripted.attempts(loop_id)]
    assert states == ["not_sent", "not_sent"]
    assert await scripted.dial() == 2
    assert len(scripted.provider.placed) == 2
