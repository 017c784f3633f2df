"""arq: a hundred producers side by side; a worker that polls every 20 ms, since its 0.5 s hide its speed."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import uvloop
from arq.connections import RedisSettings, create_pool
from arq.worker import Worker, func

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started

PRODUCERS = 100


async def noop(_: dict[str, Any], job: int) -> None:
    started(job)


def schedule(told: Brief) -> float:
    return uvloop.run(_schedule(told))


def work(told: Brief) -> None:
    uvloop.run(_work(told))


async def _schedule(told: Brief) -> float:
    pool = await create_pool(_settings(told))
    jobs = iter(told.dues())

    async def produce() -> None:
        for job, due_ms in jobs:
            await pool.enqueue_job("noop", job, _defer_until=datetime.fromtimestamp(due_ms / 1000, UTC))

    began_s = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    return time.perf_counter() - began_s


async def _work(told: Brief) -> None:
    await Worker(
        functions=[func(noop, name="noop")],
        redis_settings=_settings(told),
        max_jobs=100,
        poll_delay=0.02,
        keep_result=0,
        handle_signals=False,
    ).async_run()


def _settings(told: Brief) -> RedisSettings:
    return RedisSettings(unix_socket_path=told.socket)
