"""Who is canceled stops: a process that ends waits for all of its tasks."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.wheel.client import make_client


@pytest.mark.parametrize("turns", range(16))
async def test_a_command_that_is_canceled_at_any_moment_is_canceled(valkey_url: str, turns: int):
    """Also when the bytes have just left, where `asyncio.wait_for` forgets it before Python 3.12."""
    client = make_client(valkey_url, connections=1, answer_timeout_s=5)
    await client.ping()
    task = asyncio.create_task(client.ping())
    for _ in range(turns):
        await asyncio.sleep(0)

    in_time = task.cancel()
    await asyncio.wait({task})

    assert task.cancelled() == in_time
    await client.aclose()
