"""dramatiq over Redis: eight threads, its default; idle, it looks again after 20 ms instead of a second."""

from __future__ import annotations

import signal
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started


def schedule(told: Brief) -> float:
    broker, noop = _actor(told)
    broker.client.ping()
    began_s = time.perf_counter()
    for job, due_ms in told.dues():
        broker.enqueue(noop.message(job), delay=max(0, due_ms - int(time.time() * 1000)))
    return time.perf_counter() - began_s


def work(told: Brief) -> None:
    broker, _ = _actor(told)
    dramatiq.Worker(broker, worker_threads=8, worker_timeout=20).start()
    signal.pause()


def _actor(told: Brief) -> tuple[RedisBroker, dramatiq.Actor[[int], None]]:
    broker = RedisBroker(url=f"unix://{told.socket}")

    def noop(job: int) -> None:
        started(job)

    return broker, dramatiq.actor(noop, broker=broker)
