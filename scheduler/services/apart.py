"""Shards apart: one that is away holds up no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from scheduler.errors import DialwheelError
from scheduler.wheel import Placing


class Apart:
    """Work shard by shard. A shard whose work failed is left out from then on; `raise_first` says so at the
    end, when all others have had theirs."""

    def __init__(self) -> None:
        self.away: dict[int, DialwheelError] = {}

    async def each(self, shards: Iterable[int], work: Callable[[int], Awaitable[object]]) -> None:
        for shard in shards:
            if shard in self.away:
                continue
            try:
                await work(shard)
            except DialwheelError as error:
                self.away[shard] = error

    async def each_of(
        self, placings: Iterable[Placing], work: Callable[[Sequence[Placing]], Awaitable[object]]
    ) -> None:
        """Work on the placings of one shard at a time."""
        shards: dict[int, list[Placing]] = {}
        for placing in placings:
            shards.setdefault(placing.shard, []).append(placing)
        await self.each(shards, lambda shard: work(shards[shard]))

    def raise_first(self) -> None:
        for error in self.away.values():
            raise error
