"""Claims that a line has in hand and not armed yet: they wait here for their instant."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from scheduler.domain.time import Ms
from scheduler.wheel import Claim


class Hold:
    """Held claims, earliest first. `leased_s`: since when, in monotonic seconds, the oldest of their leases
    runs; of no meaning while nothing is held."""

    def __init__(self) -> None:
        self._heap: list[tuple[Ms, int, int, Claim]] = []
        self.leased_s = 0.0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_due_ms(self) -> Ms | None:
        return self._heap[0][0] if self._heap else None

    def add(self, claims: Sequence[Claim], leased_s: float) -> None:
        if claims:
            self.leased_s = min(self.leased_s, leased_s) if self._heap else leased_s
        for claim in claims:
            heapq.heappush(self._heap, (claim.due_at_ms, claim.lane_id, claim.loop_id, claim))

    def take(self, now_ms: Ms, most: int) -> list[Claim]:
        """What is due, at most so much of it: it is held no longer. Never early."""
        taken: list[Claim] = []
        while len(taken) < most and self._heap and self._heap[0][0] <= now_ms:
            taken.append(heapq.heappop(self._heap)[-1])
        return taken

    def all(self) -> list[Claim]:
        return [entry[-1] for entry in self._heap]

    def renewed(self, stale: Sequence[Claim], leased_s: float) -> None:
        """The leases run anew since `leased_s`, but for the stale ones, which are ours no more."""
        gone = set(stale)
        self._heap = [entry for entry in self._heap if entry[-1] not in gone]
        heapq.heapify(self._heap)
        self.leased_s = leased_s

    def clear(self) -> list[Claim]:
        """Nothing is held any more; answers what was."""
        claims = self.all()
        self._heap.clear()
        return claims
