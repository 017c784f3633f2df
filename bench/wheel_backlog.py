"""Many waiting: the memory they take, how evenly a paced batch of them goes out, and how soon a live lead is
claimed beside them. The claimer is the dialer's own; in place of ledger and provider stands a notebook."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from api.parts import Stores, make_dialing
from bench.figures import quantiles_ms
from bench.wheel_bed import NOON_MS, PLACE_BATCH, Bed, waiting
from dialer.claimer import Claimer, Limits
from dialer.providers.base import always
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_model import instant
from dialer.sender import Sender
from scheduler.clock import Clock, ScaledClock
from scheduler.domain.time import DAY, HOUR
from scheduler.wheel import CallEnd, Claim, Gate, Lane, Placing, Release, TimingWheel

SPARSE = (100, DAY)
DENSE = (10, HOUR)
PATIENCE_S = 10
LIVE_LANE = 1_000_000
LIVE_LOOPS = 10_000_000
"""Live leads have numbers from here on."""


async def bytes_of_lanes(bed: Bed, count: int, lanes: int, span_ms: int) -> tuple[float, float]:
    """Bytes a waiting loop takes, rules of lanes and gates included, and loops placed a second."""
    await bed.empty()
    before = await bed.data_bytes()
    await bed.shape(lanes)
    seconds = 0.0
    for part in waiting(count, lanes=lanes, span_ms=span_ms):
        seconds += await bed.place(part)
    return (await bed.data_bytes() - before) / count, count / seconds


async def bytes_of_plain_zset(bed: Bed, count: int) -> float:
    """The same loops, due in the same hour, as members of one zset."""
    await bed.empty()
    before = await bed.data_bytes()
    for part in waiting(count, lanes=1):
        for start in range(0, len(part), PLACE_BATCH):
            dues: dict[Any, Any] = {
                each.loop_id: each.due_at_ms for each in part[start : start + PLACE_BATCH]
            }
            await bed.own.zadd("plain", dues)
    return (await bed.data_bytes() - before) / count


class Notebook(Sender):
    """Notes when it was handed what was claimed, and settles it: nobody is called."""

    def __init__(self, wheel: TimingWheel, clock: Clock) -> None:
        self._wheel = wheel
        self._clock = clock
        self.bulk: list[tuple[float, int]] = []
        self.live_s: list[float] = []
        self.asked_s: dict[int, float] = {}

    async def no_lead_waits(self) -> None:
        """A lead that is claimed late is a figure too."""
        while self.asked_s:  # noqa: ASYNC110 - a condition to notify would be part of what is measured
            await asyncio.sleep(0.01)

    async def arm_and_send(self, claims: Sequence[Claim], worker: str, leased_s: float) -> int:
        claimed_s = time.monotonic()
        live = [claim for claim in claims if claim.lane_id == LIVE_LANE]
        self.live_s += [claimed_s - self.asked_s.pop(claim.loop_id) for claim in live]
        if len(live) < len(claims):
            self.bulk.append((claimed_s, len(claims) - len(live)))
        await self._wheel.settle(
            releases=[Release(claim, sent=True) for claim in claims],
            ends=[CallEnd(0, claim.lane_id, claim.loop_id) for claim in claims],
            now_ms=self._clock.now_ms(),
            wall_ms=self._clock.wall_ms(),
        )
        return len(claims)

    async def give_back(self, claims: Sequence[Claim]) -> None:
        await self._wheel.settle(
            releases=[Release(claim, sent=False) for claim in claims],
            now_ms=self._clock.now_ms(),
            wall_ms=self._clock.wall_ms(),
        )


class Backlog:
    """The dense lanes, all of it overdue, and a dialer that is let at it at a pace."""

    def __init__(self, bed: Bed, stores: Stores) -> None:
        self._wheel = bed.wheel
        self._stores = stores
        self._clock: Clock = ScaledClock(NOON_MS + HOUR, 1.0)
        self._ids = itertools.count(LIVE_LOOPS)

    async def paced(self, per_s: float, least_s: int, live_per_s: float) -> dict[str, Any]:
        """Bulk at `per_s` behind its batch's gate for so many whole seconds; beside it live leads, each timed
        from before it is placed until it is to be sent."""
        book = Notebook(self._wheel, self._clock)
        burst = max(1, round(per_s * self._stores.settings.throttle_burst_s))
        await self._wheel.shape(
            gates=[Gate("b:1", 0, interval_us=round(1e6 / per_s), burst=burst)],
            lanes=[Lane(LIVE_LANE, 0, "live", ("a:1", "g:1"))],
            now_ms=self._clock.now_ms(),
        )
        stop = asyncio.Event()
        began_s = time.monotonic()
        dialer = asyncio.create_task(self._claimer(book).run(stop))
        await self._add_live(book, live_per_s, began_s + least_s)
        await asyncio.sleep(began_s + least_s - time.monotonic())
        async with asyncio.timeout(PATIENCE_S):
            await book.no_lead_waits()
        stop.set()
        await dialer
        await self._wheel.shape(gates=[Gate("b:1", 0, paused=True)], now_ms=self._clock.now_ms())
        result: dict[str, Any] = evenness(book.bulk, began_s, least_s, per_s)
        return result | {"live_claim_ms": quantiles_ms(book.live_s)}

    def _claimer(self, book: Notebook) -> Claimer:
        stores, settings = self._stores, self._stores.settings
        limits = Limits(
            claim_batch=settings.claim_batch,
            claim_ahead_ms=settings.claim_ahead_ms,
            claims_held=settings.claims_held,
            dial_lines=settings.dial_lines,
            line_failures=settings.line_failures,
        )
        nobody = make_dialing(stores, SimulatedProvider(1, instant(), RingLedger(keep=False)))
        return Claimer(
            stores.flow,
            book,
            nobody.recorder,
            self._clock,
            stores.metrics,
            limits,
            shard=0,
            name="bench",
            new_id=stores.new_id,
            may_arm=always,
        )

    async def _add_live(self, book: Notebook, per_s: float, until_s: float) -> None:
        """At random instants; the last one early enough to be claimed."""
        rng = random.Random(4)
        while per_s and (pause_s := rng.expovariate(per_s)) < until_s - 0.1 - time.monotonic():
            await asyncio.sleep(pause_s)
            loop_id, now_ms = next(self._ids), self._clock.now_ms()
            book.asked_s[loop_id] = time.monotonic()
            await self._wheel.place([Placing(0, LIVE_LANE, loop_id, now_ms, 0)], now_ms)


def evenness(
    given: Sequence[tuple[float, int]], began_s: float, seconds: int, per_s: float
) -> dict[str, float]:
    """Of (instant, how many) in order: the mean of whole seconds, their coefficient of variation, and
    the most in any second that begins with one of them as a multiple of the rate."""
    by_second = [0] * seconds
    for at_s, count in given:
        if 0 <= at_s - began_s < seconds:
            by_second[int(at_s - began_s)] += count
    most = inside = first = 0
    for at_s, count in given:
        inside += count
        while at_s - given[first][0] >= 1:
            inside -= given[first][1]
            first += 1
        most = max(most, inside)
    mean = statistics.fmean(by_second)
    return {
        "mean_per_s": mean,
        "cv": statistics.pstdev(by_second) / mean if mean else 0.0,
        "sliding_max": most / per_s,
    }
