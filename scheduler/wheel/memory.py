"""How full the wheel's servers are, and how far ahead work is put on them by all processes."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.wheel.client import our_errors
from scheduler.wheel.keys import reach_key
from scheduler.wheel.wheel import TimingWheel

SHARD = 0


async def memory_share(wheel: TimingWheel) -> float:
    """Of the fullest server what share of its `maxmemory` is used; 0 where none has a limit.

    Raises ServerUnavailable."""
    with our_errors():
        memories = [await client.info("memory") for client in await wheel._servers.all()]
    return max((each["used_memory"] / each["maxmemory"] for each in memories if each["maxmemory"]), default=0)


async def read_reach(wheel: TimingWheel) -> Ms | None:
    """What `write_reach` wrote last; None after a loss. Raises ServerUnavailable."""
    with our_errors():
        stored = await wheel._servers.command(SHARD, "GET", reach_key(SHARD))
    return None if stored is None else int(stored)


async def write_reach(wheel: TimingWheel, reach_ms: Ms) -> None:
    """Raises ServerUnavailable, also when there is no memory for it."""
    with our_errors():
        await wheel._servers.command(SHARD, "SET", reach_key(SHARD), reach_ms)
