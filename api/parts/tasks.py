"""Tasks of a process, started together and stopped together."""

from __future__ import annotations

import asyncio


async def run_until(tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Until `stop` is set and every task has finished its work; a task that fails stops the others and its
    error is raised."""
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        done, late = await asyncio.wait(tasks, timeout=10)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in done:
            if (error := task.exception()) is not None:
                raise error
    finally:
        stopped.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
