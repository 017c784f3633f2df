"""PgQueuer over Postgres: enqueued a thousand at once, dequeued 500 at once."""

from __future__ import annotations

import time
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started

BATCH = 1000


def install(told: Brief) -> None:
    async def tables() -> None:
        await Queries(await _driver(told)).install()

    uvloop.run(tables())


def schedule(told: Brief) -> float:
    return uvloop.run(_schedule(told))


def work(told: Brief) -> None:
    uvloop.run(_work(told))


async def _schedule(told: Brief) -> float:
    queries = Queries(await _driver(told))
    dues = told.dues()
    began_s = time.perf_counter()
    for start in range(0, len(dues), BATCH):
        part = dues[start : start + BATCH]
        now_ms = time.time() * 1000
        await queries.enqueue(
            ["noop"] * len(part),
            [str(job).encode() for job, _ in part],
            [0] * len(part),
            [timedelta(milliseconds=max(0, due_ms - now_ms)) for _, due_ms in part],
        )
    return time.perf_counter() - began_s


async def _work(told: Brief) -> None:
    worker = PgQueuer(await _driver(told))

    @worker.entrypoint("noop")
    async def noop(job: Job) -> None:
        started(int(job.payload or b""))

    await worker.run(dequeue_timeout=timedelta(milliseconds=20), batch_size=500)


async def _driver(told: Brief) -> AsyncpgDriver:
    return AsyncpgDriver(await asyncpg.connect(told.postgres))
