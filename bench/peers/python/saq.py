"""saq: a hundred producers side by side. Its schedule counts whole seconds, so instants are rounded up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvloop
from saq import Worker
from saq.queue.redis import RedisQueue

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started

PRODUCERS = 100


async def noop(_: dict[str, Any], *, job: int) -> None:
    started(job)


def schedule(told: Brief) -> float:
    return uvloop.run(_schedule(told))


def work(told: Brief) -> None:
    uvloop.run(_work(told))


async def _schedule(told: Brief) -> float:
    queue = RedisQueue.from_url(f"unix://{told.socket}")
    await queue.connect()
    jobs = iter(told.dues())

    async def produce() -> None:
        for job, due_ms in jobs:
            await queue.enqueue("noop", job=job, scheduled=-(-due_ms // 1000))

    began_s = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    return time.perf_counter() - began_s


async def _work(told: Brief) -> None:
    queue = RedisQueue.from_url(f"unix://{told.socket}")
    await queue.connect()
    await Worker(queue, functions=[noop], concurrency=100).start()
