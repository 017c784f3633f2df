"""Who is compared: where each keeps its jobs, how it is set, how many jobs make a phase of seconds."""

from __future__ import annotations

from typing import Literal

import msgspec


class Rival(msgspec.Struct, frozen=True):
    """`scheduled` and `drained`: jobs of these phases. `settings`: what its documentation allows."""

    name: str
    store: Literal["valkey", "postgres"]
    language: Literal["python", "node"]
    scheduled: int
    drained: int
    settings: str


OURS = Rival(
    "dialwheel",
    "valkey",
    "python",
    400_000,
    300_000,
    "1000 loops a place, 2 in flight; claim_batch 500, dial_lines 2, claim_ahead_ms 250; one lane behind "
    "three gates without limits; uvloop",
)

RIVALS = (
    OURS,
    Rival(
        "bee-queue",
        "valkey",
        "node",
        140_000,
        80_000,
        "saveAll of 1000; concurrency 100, delayedDebounce 1 ms, removeOnSuccess, no events",
    ),
    Rival(
        "bullmq",
        "valkey",
        "node",
        60_000,
        60_000,
        "addBulk of 1000; concurrency 100, removeOnComplete",
    ),
    Rival(
        "graphile-worker",
        "postgres",
        "node",
        120_000,
        120_000,
        "addJobs of 1000; 24 concurrent jobs, localQueue 500, completions batched, pollInterval 20 ms",
    ),
    Rival(
        "pg-boss",
        "postgres",
        "node",
        100_000,
        100_000,
        "insert of 1000; batchSize 500, which fails or succeeds as one, 2 local workers, burstWhenBatchFull, "
        "poll every 0.5 s (its least)",
    ),
    Rival(
        "pgqueuer",
        "postgres",
        "python",
        120_000,
        50_000,
        "enqueue of 1000; batch 500, dequeue_timeout 20 ms (100 ms where work is near), asyncpg, uvloop",
    ),
    Rival(
        "huey",
        "valkey",
        "python",
        20_000,
        9_000,
        "4 threads, no results, schedule looked at every second (its least)",
    ),
    Rival("dramatiq", "valkey", "python", 16_000, 5_000, "8 threads, worker_timeout 20 ms"),
    Rival("celery", "valkey", "python", 8_000, 7_000, "prefork, 1 process, prefetch 4, no results"),
    Rival(
        "saq",
        "valkey",
        "python",
        26_000,
        7_000,
        "100 producers; concurrency 100, schedule looked at every second (its least), uvloop",
    ),
    Rival(
        "arq",
        "valkey",
        "python",
        18_000,
        9_000,
        "100 producers; max_jobs 100, keep_result 0, poll_delay 20 ms, uvloop",
    ),
    Rival(
        "procrastinate",
        "postgres",
        "python",
        30_000,
        2_000,
        "batch_defer of 1000; concurrency 50, delete_jobs, poll every 20 ms, uvloop",
    ),
    Rival(
        "rq",
        "valkey",
        "python",
        36_000,
        1_000,
        "pipelines of 1000; SimpleWorker, no results, scheduler process (every second)",
    ),
)
