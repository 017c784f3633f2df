"""The wheel is lost again while it is being rebuilt: found by the simulation (I12, I16)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from scheduler.errors import EpochNotReady
from scheduler.services.rebuild import rebuild_shard
from tests.builders import HOUR, ScriptedProvider, World, empty, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """One call under way, as many as are allowed, and one more lead that waits."""
    world: World = await open_world(provider=ScriptedProvider(), account={"max_concurrent": 1})
    for number in phones(2):
        await world.a_due_loop(number)
    assert await world.dial() == 1
    return world


async def test_what_was_lost_before_it_was_opened_is_built_again(
    world: World, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I12: opened as it is, it would not know of the call under way."""
    restore = world.flow.wheel.restore_calls

    async def lost_right_after(*arguments: Any) -> None:
        await restore(*arguments)
        await empty(valkey_url)

    await empty(valkey_url)
    with monkeypatch.context() as patched:
        patched.setattr(world.flow.wheel, "restore_calls", lost_right_after)
        with pytest.raises(EpochNotReady):
            await world.services.sweeper.step(world.now_ms)
    assert await world.flow.wheel.epoch(0) is None

    await world.services.sweeper.step(world.now_ms)
    assert await world.calls_on_wheel() == 1
    with pytest.raises(EpochNotReady):  # the dialer learns of the new epoch
        await world.dial()
    assert await world.dial() == 0


async def test_a_builder_that_was_overtaken_does_not_open_its_own_epoch(
    world: World, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I16: it was frozen, its lock went with its connection, and another has built the wheel meanwhile. What
    is claimed at an epoch that is not the ledger's is never armed, and nothing would mend it."""
    shape = world.flow.lanes.shape_all

    async def overtaken(*arguments: Any, **how: Any) -> None:
        patched.undo()
        await rebuild_shard(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR)
        await shape(*arguments, **how)

    patched = pytest.MonkeyPatch()
    patched.setattr(world.flow.lanes, "shape_all", overtaken)
    with pytest.raises(EpochNotReady):
        await rebuild_shard(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR)

    epoch = await world.flow.wheel.epoch(0)
    assert epoch == await world.value("SELECT epoch FROM wheel_epoch WHERE shard = 0")
