"""dialwheel's wheel, held to what its peers do: place; claim, run a handler a loop, settle, in one process.

Work is claimed a quarter of a second ahead, under the lease, and held on the event loop's timers: uvloop's
count whole milliseconds and fire up to one early, so a loop that is not due yet goes back onto a timer.
"""

from __future__ import annotations

import asyncio
import time
import uuid

import uvloop

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started
from scheduler.wheel import CallEnd, Claim, Gate, Lane, Placing, Release, TimingWheel

GATES = ("a:1", "g:1", "b:1")
"""Account, agent, batch: what a lane passes in production, here without limits, as the peers have none."""
LANE = Lane(1, 0, "follow-up", GATES)
EPOCH = "bench"
PLACED_AT_ONCE = 1000
PRODUCERS = 2
LINES = 2
"""Claims in flight: while the server works on one, this process works through another."""
CLAIM = 500
AHEAD_MS = 250
HELD = 500
"""A line that holds so many on timers claims no further ahead."""
PAUSE_MS = 50
"""Least time between two claims of a line that found nothing due: what is ahead is taken in groups."""


def schedule(told: Brief) -> float:
    return uvloop.run(_schedule(told))


def work(told: Brief) -> None:
    uvloop.run(_work(told))


async def _schedule(told: Brief) -> float:
    wheel = await TimingWheel.connect(f"unix://{told.socket}")
    await wheel.shape([LANE], [Gate(gate, LANE.shard) for gate in GATES])
    await wheel.open_epoch(LANE.shard, EPOCH)
    dues = told.dues()
    parts = iter([dues[start : start + PLACED_AT_ONCE] for start in range(0, len(dues), PLACED_AT_ONCE)])

    async def produce() -> None:
        for part in parts:
            placings = [Placing(LANE.shard, LANE.lane_id, job + 1, due_ms, 0) for job, due_ms in part]
            await wheel.place(placings, _now_ms())

    began_s = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    seconds = time.perf_counter() - began_s
    await wheel.close()
    return seconds


async def _work(told: Brief) -> None:
    wheel = await TimingWheel.connect(f"unix://{told.socket}")
    await asyncio.gather(*(_Line(wheel, f"bench-{line}").run() for line in range(LINES)))


class _Line:
    """Claims, runs what is due, holds what is ahead, and settles what ran."""

    def __init__(self, wheel: TimingWheel, name: str) -> None:
        self._wheel = wheel
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._ran: list[Claim] = []
        self._held = 0
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            now_ms = _now_ms()
            claimed = await self._wheel.claim(
                LANE.shard,
                worker=self._name,
                claim_id=uuid.uuid4().hex,
                limit=CLAIM,
                now_ms=now_ms,
                wall_ms=now_ms,
                epoch=EPOCH,
                ahead_ms=AHEAD_MS if self._held < HELD else 0,
            )
            for claim in claimed.claims:
                if claim.due_at_ms <= now_ms:
                    await self._handle(claim)
                else:
                    self._held += 1
                    self._hold(claim)
            full = len(claimed.claims) == CLAIM
            if self._ran:
                await self._settle()
            if not full:
                wake_at_ms = claimed.wake_at_ms or now_ms + 1000
                wait_ms = min(1000, max(PAUSE_MS, wake_at_ms - AHEAD_MS - now_ms))
                await self._wheel.wait_bell(LANE.shard, wait_ms / 1000)

    def _hold(self, claim: Claim) -> None:
        early_s = claim.due_at_ms / 1000 - time.time()
        if early_s > 0:
            self._loop.call_later(early_s, self._hold, claim)
        else:
            self._held -= 1
            task = self._loop.create_task(self._handle(claim))
            self._running.add(task)  # the loop itself keeps no task alive
            task.add_done_callback(self._running.discard)

    async def _handle(self, claim: Claim) -> None:
        await noop(claim.loop_id)
        self._ran.append(claim)

    async def _settle(self) -> None:
        ran, self._ran = self._ran, []
        now_ms = _now_ms()
        await self._wheel.settle(
            releases=[Release(claim, sent=True) for claim in ran],
            ends=[CallEnd(claim.shard, claim.lane_id, claim.loop_id) for claim in ran],
            now_ms=now_ms,
            wall_ms=now_ms,
        )


async def noop(loop_id: int) -> None:
    started(loop_id - 1)


def _now_ms() -> int:
    return int(time.time() * 1000)
