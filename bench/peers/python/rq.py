"""rq: jobs scheduled through one pipeline a thousand; a SimpleWorker beside rq's own scheduler process."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from redis import Redis
from rq import Queue, SimpleWorker

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started

PIPELINE = 1000


def noop(job: int) -> None:
    started(job)


def schedule(told: Brief) -> float:
    queue = _queue(told)
    queue.connection.ping()
    dues = told.dues()
    began_s = time.perf_counter()
    for start in range(0, len(dues), PIPELINE):
        with queue.connection.pipeline() as pipeline:
            for job, due_ms in dues[start : start + PIPELINE]:
                made = queue.create_job(noop, args=(job,), result_ttl=0)
                queue.schedule_job(made, datetime.fromtimestamp(due_ms / 1000, UTC), pipeline=pipeline)
            pipeline.execute()
    return time.perf_counter() - began_s


def work(told: Brief) -> None:
    queue = _queue(told)
    SimpleWorker([queue], connection=queue.connection).work(with_scheduler=True, logging_level="ERROR")


def _queue(told: Brief) -> Queue:
    return Queue("peer", connection=Redis(unix_socket_path=told.socket))
