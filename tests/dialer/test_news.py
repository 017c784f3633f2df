"""What an answer to a send means for the attempt, the loop and its errors (TELEPHONY 0.4, MISSION D30)."""

from __future__ import annotations

import pytest

from dialer.providers.base import NotDialled
from tests.builders import ScriptedProvider, World
from tests.worlds import OpenWorld


@pytest.mark.parametrize(
    ("said", "outcome", "errors", "status"),
    [("invalid_number", "invalid_number", 0, "ended"), (None, "error", 1, "scheduled")],
)
async def test_a_refusal_that_is_the_numbers_own_ends_the_attempt(
    open_world: OpenWorld, said: str | None, outcome: str, errors: int, status: str
) -> None:
    """Asked again it would be refused again, every minute, for ever. I15."""
    answer = NotDialled("no such number", "number", outcome=said)
    world: World = await open_world(provider=ScriptedProvider(lambda _: answer))
    loop_id = await world.a_due_loop()

    await world.dial()

    [attempt] = await world.attempts(loop_id)
    loop = await world.loop(loop_id)
    assert (attempt["state"], attempt["outcome"]) == ("done", outcome)
    assert (loop["status"], loop["consecutive_errors"], loop["attempts"]) == (status, errors, 1)
    assert await world.calls_on_wheel() == 0


@pytest.mark.parametrize(("after_s", "waits_s"), [(None, 60), (7.0, 7)])
async def test_a_trunk_that_refuses_burns_neither_the_attempt_nor_an_error(
    open_world: OpenWorld, after_s: float | None, waits_s: int
) -> None:
    """MISSION, not permanent: it counts against the trunk; 429 is asked again when it says. I6."""
    provider = ScriptedProvider(lambda _: NotDialled("http 429", "account", after_s))
    world: World = await open_world(provider=provider)
    loop_id = await world.a_due_loop()

    for _ in range(3):
        assert await world.dial() == 1
        world.pass_time(waits_s * 1000 - 1)
        assert await world.dial() == 0
        world.pass_time(1)

    loop = await world.loop(loop_id)
    assert (loop["status"], loop["consecutive_errors"], loop["attempts"]) == ("scheduled", 0, 0)
    assert len(provider.placed) == 3
