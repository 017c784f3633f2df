"""How fast loops go round: claimed, settled and placed again, and how long one claim takes."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

from bench.figures import quantiles_ms
from bench.wheel_bed import EPOCH, IN_FLIGHT, NOON_MS, Bed, waiting
from scheduler.domain.time import HOUR, MINUTE, Ms
from scheduler.wheel import CallEnd, Claimed, Placing, Release

LANES = 10
BATCHES = (100, 500)
ROUND_MS: Ms = 2 * HOUR
"""The clock moves on by this once every loop has had its turn."""

AGAIN_MS: Ms = HOUR
JITTER_MS: Ms = 15 * MINUTE
"""The next attempt is due an hour later, jittered by a quarter of one, as an account's default has it."""


class Carousel:
    """Loops on ten lanes. A line claims a batch, then releases, ends and places all of it in one settle."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._now_ms = NOON_MS + HOUR
        self._ids = itertools.count()
        self._jitters = random.Random(2)
        self.claim_s: list[float] = []

    async def fill(self, loops: int) -> None:
        await self._bed.empty()
        await self._bed.shape(LANES)
        for part in waiting(loops, lanes=LANES):
            await self._bed.place(part)

    async def cycles_per_s(self, batch: int, least_s: float) -> float:
        """Rounds of all loops, until at least `least_s` have passed."""
        cycled, began_s = 0, time.perf_counter()
        while (elapsed_s := time.perf_counter() - began_s) < least_s:
            cycled += sum(await asyncio.gather(*(self._line(n, batch) for n in range(IN_FLIGHT))))
            self._now_ms += ROUND_MS
        return cycled / elapsed_s

    async def claims_ms(self, batch: int, claims: int) -> dict[str, float]:
        """Of claims made one after another, each settled before the next."""
        self.claim_s.clear()
        while len(self.claim_s) < claims:
            await self._line(0, batch, most=claims - len(self.claim_s))
            self._now_ms += ROUND_MS
        return quantiles_ms(self.claim_s)

    async def _line(self, line: int, batch: int, most: int | None = None) -> int:
        """Until nothing is due any more, or `most` claims are made; answers how many loops went round."""
        count = 0
        for _ in itertools.count() if most is None else range(most):
            claimed = await self._claim(line, batch)
            if not claimed.claims:
                break
            count += len(claimed.claims)
            await self._settle(claimed)
        return count

    async def _claim(self, line: int, batch: int) -> Claimed:
        began_s = time.perf_counter()
        claimed = await self._bed.wheel.claim(
            0,
            worker=f"bench-{line}",
            claim_id=f"c{next(self._ids)}",
            limit=batch,
            now_ms=self._now_ms,
            wall_ms=time.time_ns() // 1_000_000,
            epoch=EPOCH,
        )
        self.claim_s.append(time.perf_counter() - began_s)
        return claimed

    async def _settle(self, claimed: Claimed) -> None:
        claims, again_ms, jitter = claimed.claims, self._now_ms + AGAIN_MS, self._jitters.random
        stale = await self._bed.wheel.settle(
            releases=[Release(claim, sent=True) for claim in claims],
            ends=[CallEnd(0, claim.lane_id, claim.loop_id) for claim in claims],
            placings=[
                Placing(0, claim.lane_id, claim.loop_id, again_ms + int(jitter() * JITTER_MS), 0)
                for claim in claims
            ],
            now_ms=self._now_ms,
            wall_ms=time.time_ns() // 1_000_000,
        )
        if stale:
            raise RuntimeError(f"{len(stale)} leases were lost during the run")
