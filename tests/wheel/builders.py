"""One shard of a real wheel with a clock that is moved, and builders for what is put on it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest

from scheduler.wheel import CallEnd, Claim, Claimed, Gate, Lane, Placing, Release, TimingWheel
from scheduler.wheel.looking import look_at_gates
from tests.conftest import REDIS_8

NOW = 1_760_000_000_000
MINUTE = 60_000
HOUR = 3_600_000
EPOCH = "e1"

_shards = itertools.count(1000)  # other tests use the first ones
_claims = itertools.count()


class Stand:
    """A shard of its own for one test: lane 1 is open, of class bulk, without gates."""

    def __init__(self, wheel: TimingWheel) -> None:
        self.wheel = wheel
        self.shard = next(_shards)
        self.now_ms = NOW
        self.wall_ms = NOW
        self.wake_at_ms: int | None = None
        self.under_way: list[Claim] = []

    async def lane(self, lane_id: int, lane_class: str = "bulk", *gates: str, **rule: Any) -> None:
        shape = Lane(lane_id, self.shard, lane_class, gates, **rule)
        await self.wheel.shape([shape], now_ms=self.now_ms)

    async def gate(self, name: str, **rule: Any) -> None:
        await self.wheel.shape(gates=[Gate(name, self.shard, **rule)], now_ms=self.now_ms)

    def placing(
        self, loop_id: int, after_ms: int = 0, lane_id: int = 1, was_at_ms: int | None = None
    ) -> Placing:
        """A loop due `after_ms` after the stand's first instant."""
        return Placing(self.shard, lane_id, loop_id, NOW + after_ms, was_at_ms)

    async def place(self, loops: Iterable[int], after_ms: int = 0, lane_id: int = 1) -> int:
        return await self.wheel.place([self.placing(loop, after_ms, lane_id) for loop in loops], self.now_ms)

    async def claim(
        self, limit: int = 100, ahead_ms: int = 0, worker: str = "w1", claim_id: str = ""
    ) -> list[Claim]:
        """What is claimed, as `reap` and `extend` name it: without the epoch."""
        claims = (await self.claimed(limit, ahead_ms, worker, claim_id)).claims
        return [msgspec.structs.replace(claim, epoch="") for claim in claims]

    async def claimed(
        self, limit: int = 100, ahead_ms: int = 0, worker: str = "w1", claim_id: str = "", epoch: str = EPOCH
    ) -> Claimed:
        answer = await self.wheel.claim(
            self.shard,
            worker=worker,
            claim_id=claim_id or f"c{next(_claims)}",
            limit=limit,
            now_ms=self.now_ms,
            wall_ms=self.wall_ms,
            epoch=epoch,
            ahead_ms=ahead_ms,
        )
        self.wake_at_ms = answer.wake_at_ms
        return answer

    async def loops(self, limit: int = 100, ahead_ms: int = 0) -> list[int]:
        """The loops that one claim gets."""
        return [claim.loop_id for claim in await self.claim(limit, ahead_ms)]

    async def release(
        self, claims: Iterable[Claim], *, sent: bool, next_in_ms: int | None = None
    ) -> list[Claim]:
        claims = list(claims)
        placings = [] if next_in_ms is None else [self.next_of(claim, next_in_ms) for claim in claims]
        return await self.wheel.settle(
            releases=[Release(claim, sent) for claim in claims],
            placings=placings,
            now_ms=self.now_ms,
            wall_ms=self.wall_ms,
        )

    async def end(self, claims: Iterable[Claim]) -> None:
        ends = [CallEnd(claim.shard, claim.lane_id, claim.loop_id) for claim in claims]
        await self.wheel.settle(ends=ends, now_ms=self.now_ms, wall_ms=self.wall_ms)

    async def reap(self, *, sent: bool = False) -> list[Claim]:
        """Take away what has expired; those that were taken."""
        over = await self.expired(100)
        stale = await self.wheel.reap(
            [Release(claim, sent) for claim in over], now_ms=self.now_ms, wall_ms=self.wall_ms
        )
        return [claim for claim in over if claim not in stale]

    async def expired(self, limit: int = 10) -> list[Claim]:
        """What is held by claims that have ended."""
        return await self.wheel.expired(self.shard, wall_ms=self.wall_ms, limit=limit)

    async def waiting(self) -> int:
        return (await self.wheel.counts(self.shard, self.now_ms)).waiting

    async def in_call(self, gate: str) -> int:
        """Calls under way at the gate."""
        return (await look_at_gates(self.wheel, self.shard, [gate], self.now_ms))[gate].in_call

    async def next_wake(self) -> int | None:
        return await self.wheel.next_wake(self.shard, self.now_ms)

    def next_of(self, claim: Claim, in_ms: int) -> Placing:
        return Placing(claim.shard, claim.lane_id, claim.loop_id, self.now_ms + in_ms)

    async def bulk_lanes(self, lane_ids: Iterable[int], **rule: Any) -> None:
        """Lanes behind gate g:1."""
        shapes = [Lane(lane_id, self.shard, "bulk", ("g:1",), **rule) for lane_id in lane_ids]
        await self.wheel.shape(shapes, now_ms=self.now_ms)

    async def crowd(self, lanes: int) -> None:
        """Lanes 1 to `lanes` with one loop each behind gate g:1, which has room for one call.

        One is under way, the others wait at the gate.
        """
        await self.gate("g:1", max_concurrent=1)
        await self.bulk_lanes(range(1, lanes + 1))
        await self.wheel.place([self.placing(i, 0, i) for i in range(1, lanes + 1)], self.now_ms)
        self.under_way = await self.claim(1)
        await self.drain()

    async def drain(self) -> list[Claim]:
        """Everything that can be claimed now."""
        claims = await self.claim()
        while self.wake_at_ms is not None and self.wake_at_ms <= self.now_ms:
            claims += await self.claim()
        return claims

    async def shown(self) -> list[int]:
        """The lanes that a claim would look at now."""
        key = f"{{dw:{self.shard}}}:0:lanes:bulk"
        shown = await self.wheel._servers.client.zrangebyscore(key, "-inf", self.now_ms)
        return [int(lane) for lane in shown]

    async def rang(self) -> bool:
        """Whether the bell has rung since this was last asked, leaving it silent."""
        return bool(await self.wheel._servers.client.delete(f"{{dw:{self.shard}}}:bell"))


@pytest.fixture(scope="session", params=["valkey_url", "redis7_url", *(["redis8_url"] if REDIS_8 else [])])
def wheel_url(request: pytest.FixtureRequest) -> str:
    """Valkey 9 from its wheel; Debian's redis-server 7.0 and a redis-server 8 where they are installed."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
async def wheel(wheel_url: str) -> AsyncIterator[TimingWheel]:
    wheel = await TimingWheel.connect(wheel_url, shards=1_000_000)
    yield wheel
    await wheel.close()


@pytest.fixture
async def stand(wheel: TimingWheel) -> Stand:
    stand = Stand(wheel)
    await wheel.open_epoch(stand.shard, EPOCH)
    await stand.lane(1)
    await stand.rang()
    return stand
