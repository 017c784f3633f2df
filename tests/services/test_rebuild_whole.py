"""`dialwheel wheel rebuild`: a whole wheel wiped and built anew while dialers work on it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from scheduler.domain.time import HOUR
from scheduler.errors import EpochNotReady
from scheduler.services.rebuild import builder, rebuild
from tests.builders import World, phones
from tests.worlds import OpenWorld


async def test_a_wheel_that_is_wiped_under_a_dialer_loses_and_doubles_nobody(open_world: OpenWorld):
    """I1, I12, I14: claims are refused until the call slots are back; what was claimed is armed once."""
    world: World = await open_world(account={"max_concurrent": 60}, claim_batch=5)
    loops = [await world.a_due_loop(number) for number in phones(50)]

    async def dial() -> None:
        while await world.value("SELECT count(*) FROM attempt") < len(loops):
            try:
                await world.dial()
            except EpochNotReady:
                await asyncio.sleep(0)

    async def wipe() -> list[int | None]:
        return [
            await rebuild(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR, whole_too=True)
            for _ in range(4)
        ]

    placed, _ = await asyncio.gather(wipe(), dial())

    assert None not in placed
    assert len(await world.rows("SELECT DISTINCT lead_id FROM attempt")) == len(loops)
    assert len(await world.rows("SELECT 1 FROM arm")) == len(loops)
    await rebuild(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR, whole_too=True)
    assert await world.calls_on_wheel() == len(loops)
    assert await world.waiting_on_wheel() == 0


async def test_while_one_builds_another_leaves_the_wheel_alone(world: World):
    await world.a_due_loop()
    epoch = await world.flow.wheel.epoch(0)

    async with builder(world.flow) as ours:
        assert ours
        answer = await rebuild(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR, whole_too=True)

    assert answer is None
    assert await world.flow.wheel.epoch(0) == epoch
    assert await world.waiting_on_wheel() == 1
