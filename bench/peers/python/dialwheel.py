"""dialwheel's wheel, held to what its peers do: place; claim, run a handler a loop, settle, in one process.

The claimer is production's: it claims ahead under the lease and holds until the instant. Only what arms and
sends is left out, since a peer's job does nothing either.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import uvloop

from bench.peers.python.brief import Brief
from bench.peers.python.starts import started
from dialer.claimer import Claimer, Limits
from dialer.providers.base import always
from scheduler.clock import RealClock
from scheduler.metrics import Metrics
from scheduler.wheel import CallEnd, Claim, Gate, Lane, Placing, Release, TimingWheel

GATES = ("a:1", "g:1", "b:1")
"""Account, agent, batch: what a lane passes in production, here without limits, as the peers have none."""
LANE = Lane(1, 0, "follow-up", GATES)
EPOCH = "bench"
PLACED_AT_ONCE = 1000
PRODUCERS = 2
LIMITS = {"claim_batch": 500, "claim_ahead_ms": 250, "claims_held": 500, "dial_lines": 2}
"""Settings of these names."""
CLOCK = RealClock()


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
            await wheel.place(placings, CLOCK.now_ms())

    began_s = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
    seconds = time.perf_counter() - began_s
    await wheel.close()
    return seconds


async def _work(told: Brief) -> None:
    wheel = await TimingWheel.connect(f"unix://{told.socket}")
    parts: dict[str, Any] = {
        "flow": SimpleNamespace(wheel=wheel),
        "sender": _Handlers(wheel),
        "recorder": SimpleNamespace(waiting=0),
    }
    claimer = Claimer(
        **parts,
        clock=CLOCK,
        metrics=Metrics(),
        limits=Limits(**LIMITS, line_failures=20),
        shard=LANE.shard,
        name="bench",
        new_id=uuid.uuid4,
        may_arm=always,
    )
    await claimer.run(asyncio.Event())


class _Handlers:
    """Stands where the sender is: a handler for each loop instead of a permit and a call, then settled."""

    def __init__(self, wheel: TimingWheel) -> None:
        self._wheel = wheel

    async def arm_and_send(self, claims: Sequence[Claim], _: str, __: float) -> int:
        for claim in claims:
            await noop(claim.loop_id)
        await self._wheel.settle(
            releases=[Release(claim, sent=True) for claim in claims],
            ends=[CallEnd(claim.shard, claim.lane_id, claim.loop_id) for claim in claims],
            now_ms=CLOCK.now_ms(),
            wall_ms=CLOCK.wall_ms(),
        )
        return len(claims)


async def noop(loop_id: int) -> None:
    started(loop_id - 1)
