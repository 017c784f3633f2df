"""Celery over Redis: one prefork process, which holds what is not due yet in its own memory."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from celery import Celery

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started


def schedule(told: Brief) -> float:
    app = _app(told)
    noop = app.tasks["noop"]
    with app.producer_or_acquire() as producer:
        producer.connection.ensure_connection()
        began_s = time.perf_counter()
        for job, due_ms in told.dues():
            eta = datetime.fromtimestamp(due_ms / 1000, UTC)
            noop.apply_async((job,), eta=eta, producer=producer, retry=False)
        return time.perf_counter() - began_s


def work(told: Brief) -> None:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "error"]
    _app(told).worker_main(["worker", "--pool", "prefork", "--concurrency", "1", *quiet])


def _app(told: Brief) -> Celery:
    app = Celery("peer", broker=f"redis+socket://{told.socket}")
    app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4)

    @app.task(name="noop")
    def noop(job: int) -> None:
        started(job)

    return app
