"""Writers and dialers on every shard at once, and a plain book of what they were answered."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

from scheduler.errors import EpochNotReady, ServerUnavailable
from scheduler.wheel import CallEnd, Claim, Lane, Placing, Release, TimingWheel
from tests.wheel.builders import NOW

BATCH = 10
BACKLOG = 2_000
"""Loops that wait before the writers slow down."""


class Load:
    """Lane n on shard n. A loop is placed once, claimed, settled, and then done.

    `answered`: loops whose placing was answered, or is in doubt; `done`: those whose settling was. `doubled`:
    loops handed out while another claim of the same epoch held them. `troubles`: calls that failed.
    """

    def __init__(self, wheel: TimingWheel) -> None:
        self.wheel = wheel
        self.answered: dict[int, Placing] = {}
        self.done: set[int] = set()
        self.doubled: list[tuple[Claim, Claim]] = []
        self.epochs: dict[int, set[str]] = {}
        self.troubles = 0
        self._held: dict[int, tuple[Claim, str]] = {}
        self._settled: Counter[int] = Counter()
        self._ids = itertools.count(1)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        shards = range(self.wheel.shards)
        await self.wheel.shape([Lane(shard, shard, "bulk") for shard in shards], now_ms=NOW)
        self._tasks = [asyncio.create_task(self._write())]
        self._tasks += [asyncio.create_task(self._dial(shard)) for shard in shards]

    async def goes_on(self, loops: int = 200) -> None:
        """Return when that many more loops have been done on every shard."""
        wanted = {shard: self._settled[shard] + loops for shard in range(self.wheel.shards)}
        while any(self._settled[shard] < count for shard, count in wanted.items()):
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)

    async def fill(self, shard: int) -> None:
        """What is owed, onto a shard that lost everything."""
        await self.wheel.shape([Lane(shard, shard, "bulk")], now_ms=NOW)
        await self.wheel.place([each for each in self._owed() if each.shard == shard], NOW)

    async def stop(self) -> None:
        """Let everything in flight end."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def finish(self) -> None:
        """Sweep once, as the sweeper compares with the ledger; take back what nobody settles; claim all."""
        late = NOW + 2 * self.wheel.lease_ms
        for shard in range(self.wheel.shards):
            while over := await self.wheel.expired(shard, wall_ms=late, limit=500):
                releases = [Release(claim, sent=False) for claim in over]
                await self.wheel.reap(releases, now_ms=NOW, wall_ms=late)
        self._held.clear()
        await self.wheel.place(await self.wheel.missing(self._owed()), NOW)
        for shard in range(self.wheel.shards):
            while await self._pass(shard):
                pass

    def lost(self) -> set[int]:
        """Placings that were answered and never came up."""
        return set(self.answered) - self.done

    def _owed(self) -> list[Placing]:
        return [placing for loop, placing in self.answered.items() if loop not in self.done]

    async def _write(self) -> None:
        while not self._stop.is_set():
            placings = [
                Placing(shard, shard, next(self._ids), NOW, 0)
                for shard in range(self.wheel.shards)
                for _ in range(BATCH)
            ]
            try:
                await self.wheel.place(placings, NOW)
            except ServerUnavailable:
                self.troubles += 1  # in doubt, like a writer whose placing the sweeper has to make good
            self.answered.update((placing.loop_id, placing) for placing in placings)
            await asyncio.sleep(0.01 if len(self.answered) - len(self.done) < BACKLOG else 0.1)

    async def _dial(self, shard: int) -> None:
        while not self._stop.is_set():
            if not await self._pass(shard):
                await asyncio.sleep(0.005)

    async def _pass(self, shard: int) -> int:
        """Claim and settle once, each asked again with the same words until it is answered."""
        claim_id = f"c{next(self._ids)}"
        while True:
            try:
                epoch = await self.wheel.epoch(shard)
                claims = (await self.wheel.claim(
                    shard, worker=f"w{shard}", claim_id=claim_id, limit=50, now_ms=NOW, wall_ms=NOW,
                    epoch=epoch or "none",
                )).claims  # fmt: skip
                break
            except (ServerUnavailable, EpochNotReady):
                self.troubles += 1
                if self._stop.is_set():
                    return 0
                await asyncio.sleep(0.02)
        assert epoch is not None
        self.epochs.setdefault(shard, set()).add(epoch)
        for claim in claims:
            before = self._held.get(claim.loop_id)
            if before is not None and before[1] == epoch:
                self.doubled.append((before[0], claim))
            self._held[claim.loop_id] = (claim, epoch)
        while claims:
            try:
                await self.wheel.settle(
                    releases=[Release(claim, sent=True) for claim in claims],
                    ends=[CallEnd(shard, claim.lane_id, claim.loop_id) for claim in claims],
                    now_ms=NOW,
                    wall_ms=NOW,
                )
                break
            except ServerUnavailable:
                self.troubles += 1
                await asyncio.sleep(0.02)
        self._settled[shard] += len(claims)
        for claim in claims:
            self.done.add(claim.loop_id)
            self._held.pop(claim.loop_id, None)
        return len(claims)


class Opener:
    """The sweeper's part, without a ledger: a shard whose server has changed is opened anew; one that was
    lost is first filled with what is owed."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._wheel = load.wheel
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self.opened = 0

    async def stop(self) -> None:
        self._stop.set()
        await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            for shard in range(self._wheel.shards):
                try:
                    if await self._wheel.epoch(shard) is None:
                        if not await self._wheel.server_changed(shard):
                            await self._load.fill(shard)
                        self.opened += 1
                        await self._wheel.open_epoch(shard, f"e{self.opened + 1}")
                except ServerUnavailable:
                    continue
            await asyncio.sleep(0.05)
