"""What every figure of the wheel stands on: a private server, emptied before each, and lanes of like work."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from redis.asyncio import Redis

from scheduler.domain.time import HOUR, Ms
from scheduler.wheel import Gate, Lane, Placing, TimingWheel

NOON_MS: Ms = 1_795_453_200_000
"""Where the clock of these figures starts; which instant it is does not matter to the wheel."""

EPOCH = "bench"
GATES = ("a:1", "g:1", "b:1")
"""Account, agent, batch: what a lane of a batch passes in production; no limits unless a figure sets some."""

PLACE_BATCH = 1000
IN_FLIGHT = 4
"""Calls; as many as the script has that moves members between two zsets, which the cycle is compared to."""


class Sizes(msgspec.Struct, frozen=True):
    """How much each figure is made of; `_s` are seconds."""

    waiting: int = 1_000_000
    raw: int = 320_000
    cycled: int = 200_000
    rate_s: float = 4
    claims: int = 1500
    lanes: int = 10_000
    lane_claims: int = 1000
    bulk_s: int = 16
    live_per_s: float = 60
    rest_s: float = 11


QUICK = Sizes(
    waiting=20_000,
    raw=32_000,
    cycled=5000,
    rate_s=0.1,
    claims=30,
    lanes=300,
    lane_claims=40,
    bulk_s=2,
    live_per_s=30,
    rest_s=0.5,
)


class Bed:
    """The wheel as production configures it, and a client of our own on the same server."""

    def __init__(self, wheel: TimingWheel, url: str) -> None:
        self.wheel = wheel
        self.url = url
        self.own = Redis.from_url(url, protocol=3)

    async def empty(self) -> None:
        """Nothing on the server, nothing in its append-only file, the epoch open."""
        await self.own.flushall(asynchronous=False)
        await self.quiet()
        await self.own.bgrewriteaof()
        await self.quiet()
        await self.wheel.open_epoch(0, EPOCH)

    async def quiet(self) -> None:
        """Until the server has written its append-only file anew, where it is at that."""
        while True:
            facts = await self.own.info("persistence")
            if not (facts["aof_rewrite_in_progress"] or facts["aof_rewrite_scheduled"]):
                return
            await asyncio.sleep(0.02)

    async def shape(self, lanes: int, lane_class: str = "bulk") -> None:
        """Lanes 1 to `lanes` behind gates without limits."""
        await self.wheel.shape(
            gates=[Gate(gate, 0) for gate in GATES],
            lanes=[Lane(lane_id, 0, lane_class, GATES) for lane_id in range(1, lanes + 1)],
            now_ms=NOON_MS,
        )

    async def place(self, placings: Sequence[Placing], now_ms: Ms = NOON_MS) -> float:
        """Place them in batches, four in flight; answers the seconds it took."""
        batches = iter(
            [placings[start : start + PLACE_BATCH] for start in range(0, len(placings), PLACE_BATCH)]
        )

        async def line() -> None:
            for batch in batches:
                await self.wheel.place(batch, now_ms)

        began_s = time.perf_counter()
        await asyncio.gather(*(line() for _ in range(IN_FLIGHT)))
        return time.perf_counter() - began_s

    async def data_bytes(self) -> int:
        """What the server has allocated, but for buffers of connections and of the append-only file."""
        await self.quiet()
        facts: dict[str, Any] = await self.own.info("memory")
        return int(facts["used_memory"]) - int(facts["mem_clients_normal"]) - int(facts["mem_aof_buffer"])


def waiting(count: int, *, lanes: int, span_ms: Ms = HOUR) -> Iterator[list[Placing]]:
    """`count` new loops due at random instants of the span, on random lanes, in order of time as the feeder
    reads them, in parts so that they need not all be in memory."""
    rng = random.Random(1)
    dues = sorted(rng.randrange(span_ms) for _ in range(count))
    for start in range(0, count, 50_000):
        yield [
            Placing(0, rng.randint(1, lanes), loop_id, NOON_MS + due_ms, 0)
            for loop_id, due_ms in enumerate(dues[start : start + 50_000], start + 1)
        ]


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say on stderr what runs, and how long it took."""
    sys.stderr.write(f"  {what} … ")
    sys.stderr.flush()
    began_s = time.monotonic()
    yield
    sys.stderr.write(f"{time.monotonic() - began_s:.1f} s\n")
