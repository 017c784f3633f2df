"""What a simulated process has on disk: news that waits while the ledger is away, which outlives the process.

Stands where `dialer.spool.Spool` does, whose files are tested for themselves.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from dialer.news import Group
from dialer.record_log import Mark


class Disk:
    """The data directory of one process name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.news: list[Any] = []
        self.dropped = 0


class SimulatedSpool:
    """The face of `Spool`. A write is there when it is answered, and may be there when it is not."""

    def __init__(self, disk: Disk, rng: random.Random) -> None:
        self.names = [disk.name]
        self._disk = disk
        self._rng = rng
        self._busy = asyncio.Lock()

    @property
    def empty(self) -> bool:
        return not self._disk.news

    async def put(self, group: Group) -> bool:
        async with self._busy:
            await self._turn()
            self._disk.news += [(True, answer) for answer in group.sent]
            self._disk.news += [(False, event) for event in group.events]
            await self._turn()
        return True

    async def head(self, limit: int) -> tuple[Group, Mark | None]:
        async with self._busy:
            await self._turn()
            first = self._disk.news[:limit]
        group = Group(
            [each for is_sent, each in first if is_sent], [each for is_sent, each in first if not is_sent]
        )
        return group, Mark(self._disk.dropped + len(first), 0) if first else None

    async def drop(self, mark: Mark) -> None:
        async with self._busy:
            await self._turn()
            del self._disk.news[: mark.number - self._disk.dropped]
            self._disk.dropped = mark.number

    def close(self) -> None: ...

    async def _turn(self) -> None:
        await asyncio.sleep(0.001 + 0.02 * self._rng.random() ** 4)
