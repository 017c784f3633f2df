"""How long a claim takes where ten thousand lanes with due work stand before the one that may give it out."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from bench.figures import quantiles_ms
from bench.wheel_bed import EPOCH, NOON_MS, Bed
from scheduler.domain.time import HOUR, SECOND
from scheduler.wheel import CallEnd, Claim, Gate, Lane, Placing

BATCH = 100
CLAIM_AT_MS = NOON_MS + 10 * SECOND
AHEAD_OF_ALL_MS = 5 * SECOND
"""What stands in the way is due this much earlier than what may be given out."""


class Obstacle(msgspec.Struct, frozen=True):
    """A kind of lane that holds work back. `gate`: its own limit, made from the lane's number; `shared`: one
    that all of them pass. `closes`: its hours are over when claims begin, not seen by the wheel yet."""

    gate: Callable[[int], Gate] | None = None
    shared: Gate | None = None
    closes: bool = False


OBSTACLES = {
    "hours": Obstacle(closes=True),
    "pace": Obstacle(gate=lambda n: Gate(f"b:{n}", 0, interval_us=HOUR * 1000)),
    "gates": Obstacle(gate=lambda n: Gate(f"b:{n}", 0, max_concurrent=1)),
    "account": Obstacle(shared=Gate("a:2", 0, max_concurrent=1)),
}


async def claims_past_lanes_ms(bed: Bed, kind: str, lanes: int, claims: int) -> dict[str, float]:
    """Every claim from the first on: those that find out what is held back, and those after.

    Behind gates of their own each lane gives one loop, and no more. Behind one full account gate a call ends
    before each claim, so that its lanes are let through one at a time.
    """
    obstacle = OBSTACLES[kind]
    await bed.empty()
    await _shape(bed, obstacle, lanes)
    in_the_way = [(lane_id, NOON_MS - AHEAD_OF_ALL_MS) for lane_id in range(1, lanes + 1) for _ in range(2)]
    free = [(lanes + 1, NOON_MS) for _ in range(BATCH * claims)]
    await bed.place(
        [Placing(0, lane_id, n, due_ms, 0) for n, (lane_id, due_ms) in enumerate([*in_the_way, *free], 1)]
    )
    seconds: list[float] = []
    under_way: list[Claim] = []
    passed = 0
    for n in range(claims):
        if obstacle.shared is not None and under_way:
            ends = [CallEnd(0, claim.lane_id, claim.loop_id) for claim in under_way]
            await bed.wheel.settle(ends=ends, now_ms=CLAIM_AT_MS, wall_ms=time.time_ns() // 1_000_000)
        began_s = time.perf_counter()
        claimed = await bed.wheel.claim(
            0,
            worker="bench",
            claim_id=f"c{n}",
            limit=BATCH,
            now_ms=CLAIM_AT_MS,
            wall_ms=time.time_ns() // 1_000_000,
            epoch=EPOCH,
        )
        seconds.append(time.perf_counter() - began_s)
        under_way = [claim for claim in claimed.claims if claim.lane_id <= lanes]
        passed += len(claimed.claims) - len(under_way)
    if not passed:
        raise RuntimeError(f"{claims} claims never came past {lanes} lanes held back by {kind}")
    return quantiles_ms(seconds)


async def _shape(bed: Bed, obstacle: Obstacle, lanes: int) -> None:
    gates = [Gate("a:1", 0)]
    shaped = [Lane(lanes + 1, 0, "bulk", ("a:1",))]
    if obstacle.shared is not None:
        gates.append(obstacle.shared)
    for lane_id in range(1, lanes + 1):
        passed = ["a:1" if obstacle.shared is None else obstacle.shared.gate]
        if obstacle.gate is not None:
            own = obstacle.gate(lane_id)
            gates.append(own)
            passed.append(own.gate)
        hours = (NOON_MS + SECOND, NOON_MS + 12 * HOUR) if obstacle.closes else (None, None)
        shaped.append(Lane(lane_id, 0, "bulk", tuple(passed), 1, *hours))
    await bed.wheel.shape(gates=gates, lanes=shaped, now_ms=NOON_MS)
