"""What is stepped through is served by all that serves it in production."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.builders import EVERYBODY_TALKS, PHONE, World
from tests.worlds import OpenWorld


async def play(world: World) -> bool:
    async def on_step() -> None: ...

    return await world.stepper().play(asyncio.Event(), on_step)


async def test_no_service_of_a_running_process_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch):
    """DESIGN 1: on the code that runs in production."""
    stepped: Counter[str] = Counter()
    for service in world.services.all():

        def counted(service: Any = service, step: Any = service.step) -> Any:
            async def count(now_ms: int) -> None:
                stepped[service.name] += 1
                await step(now_ms)

            return count

        monkeypatch.setattr(service, "step", counted())
    await world.enrol([PHONE])

    assert await play(world)

    assert set(stepped) == {service.name for service in world.services.all()}
    assert min(stepped.values()) >= 2, "at the beginning, and for what the last call left to do"


async def test_when_all_is_over_all_of_it_is_told_and_on_record(open_world: OpenWorld):
    """MISSION: events and records of a demo as of production."""
    world = await open_world(model=EVERYBODY_TALKS)
    await world.enrol([PHONE])

    assert await play(world)

    assert await world.value("SELECT count(*) FROM news WHERE seq IS NULL") == 0
    told = {row["type"] for row in await world.rows("SELECT DISTINCT type FROM news")}
    assert {"lead.created", "loop.started", "attempt.dispatched", "attempt.ended", "loop.ended"} <= told
    assert await world.value("SELECT count(*) FROM attempt") == 1
    assert await world.value("SELECT count(*) FROM attempt_record") == 1
