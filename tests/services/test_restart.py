"""The wheel's server is killed and comes back with its file. F5 I12 I16."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import EpochNotReady, ServerUnavailable
from tests.builders import ScriptedProvider, a_world, phones


async def test_after_a_restart_nothing_is_claimed_before_calls_have_their_slots(
    ledger_url: str, server_dir: Path
) -> None:
    """The file may lack the last second: the calls of the ledger count, the wheel itself is kept."""
    server = EmbeddedValkey(server_dir / "killed-and-back").start()
    limits = {"max_concurrent": 2}
    try:
        async with a_world(ledger_url, server.url, provider=ScriptedProvider(), account=limits) as world:
            for number in phones(5):
                await world.a_due_loop(number)
            assert await world.dial() == 2
            servers = world.flow.wheel._servers
            await servers.command(0, "WAITAOF", 1, 0, 5000)  # all of this is in the file
            calls = await servers.command(0, "KEYS", "{dw:0}:*:calls:*")
            assert await servers.command(0, "DEL", *calls) == 2  # but this was lost
            await servers.command(0, "WAITAOF", 1, 0, 5000)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            server.start()

            with pytest.raises(ServerUnavailable):
                await world.dial()  # on a connection of before
            with pytest.raises(EpochNotReady):
                await world.dial()
            await world.services.sweeper.step(world.now_ms)
            assert await world.calls_on_wheel() == 2
            assert await world.waiting_on_wheel() == 3
            assert await world.dial() == 0
            assert len(world.provider.placed) == 2
    finally:
        server.stop()
