"""huey over Redis: four threads; its scheduler looks once a second, its least."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from huey import RedisHuey

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started


def schedule(told: Brief) -> float:
    huey, noop = _task(told)
    huey.storage.conn.ping()
    began_s = time.perf_counter()
    for job, due_ms in told.dues():
        noop.schedule((job,), eta=datetime.fromtimestamp(due_ms / 1000))
    return time.perf_counter() - began_s


def work(told: Brief) -> None:
    huey, _ = _task(told)
    huey.create_consumer(workers=4, periodic=False, scheduler_interval=1).run()


def _task(told: Brief) -> tuple[RedisHuey, Any]:
    huey = RedisHuey("peer", url=f"unix://{told.socket}", results=False)

    def noop(job: int) -> None:
        started(job)

    return huey, huey.task()(noop)
