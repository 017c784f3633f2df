"""procrastinate over Postgres: deferred a thousand at once; a worker of 50 jobs that polls every 20 ms."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import uvloop
from procrastinate import App, PsycopgConnector

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started

BATCH = 1000


def install(told: Brief) -> None:
    async def tables() -> None:
        app, _ = _task(told)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    uvloop.run(tables())


def schedule(told: Brief) -> float:
    return uvloop.run(_schedule(told))


def work(told: Brief) -> None:
    uvloop.run(_work(told))


async def _schedule(told: Brief) -> float:
    app, noop = _task(told)
    async with app.open_async():
        dues = told.dues()
        began_s = time.perf_counter()
        for start in range(0, len(dues), BATCH):
            # the batch call of a task knows one instant for all; the manager's takes each job's own
            jobs = [
                noop.configure(schedule_at=datetime.fromtimestamp(due_ms / 1000, UTC)).make_new_job(job=job)
                for job, due_ms in dues[start : start + BATCH]
            ]
            await app.job_manager.batch_defer_jobs_async(jobs=jobs)
        return time.perf_counter() - began_s


async def _work(told: Brief) -> None:
    app, _ = _task(told)
    async with app.open_async():
        await app.run_worker_async(
            concurrency=50,
            delete_jobs="always",
            fetch_job_polling_interval=0.02,
            install_signal_handlers=False,
        )


def _task(told: Brief) -> tuple[App, Any]:
    app = App(connector=PsycopgConnector(conninfo=told.postgres, min_size=4, max_size=20))

    async def noop(job: int) -> None:
        started(job)

    return app, app.task(name="noop")(noop)
