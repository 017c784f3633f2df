"""The simulator's callbacks: due in their time, handed out until acknowledged, some twice and some never."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heapify, heappop, heappush
from itertools import islice

from dialer.providers.base import ProviderEvent
from dialer.providers.simulated_state import Pending
from scheduler.domain.time import Ms

NORMAL, DOUBLE, LOST, START = range(4)
"""Deliveries: the usual one, a second one, one that never comes, and the turn of a queued call."""


class Callbacks:
    """A heap of what will be due, and the events due that nobody has acknowledged yet."""

    def __init__(self) -> None:
        self._heap: list[tuple[Ms, int, int, ProviderEvent]] = []
        self._pushed = 0
        self._due: dict[str, ProviderEvent] = {}

    def __bool__(self) -> bool:
        return bool(self._heap or self._due)

    def push(self, due_ms: Ms, delivery: int, event: ProviderEvent) -> None:
        """Hand `event` out from `due_ms` on."""
        self._pushed += 1
        heappush(self._heap, (due_ms, self._pushed, delivery, event))

    def add_due(self, event: ProviderEvent) -> None:
        """Hand `event` out from now on."""
        self._due[event.event_id] = event

    def next_at(self) -> Ms | None:
        """When something is next to be handed out; an instant that has passed while events wait for that."""
        if self._due:
            return next(iter(self._due.values())).at_ms
        return self._heap[0][0] if self._heap else None

    def pop(self, now_ms: Ms) -> tuple[Ms, int, ProviderEvent] | None:
        """The next delivery due at `now_ms`, taken off the heap; None when there is none yet.

        Those of an event are already among the due: what is left to the caller is what they mean to it.
        """
        if not self._heap or self._heap[0][0] > now_ms:
            return None
        due_ms, _, delivery, event = heappop(self._heap)
        if delivery == NORMAL:
            self._due[event.event_id] = event
        elif delivery == DOUBLE:
            self._due[event.event_id + "+"] = event
        return due_ms, delivery, event

    def due(self, limit: int, after: str | None = None) -> list[ProviderEvent]:
        """The due events, from the one that follows the event `after` if that one is unacknowledged."""
        events = iter(self._due.values())
        if after is not None and after in self._due:
            for event in events:
                if event.event_id == after:
                    break
        return list(islice(events, limit))

    def acknowledge(self, event_ids: Collection[str]) -> None:
        """Forget these events and second deliveries of them that are due by now."""
        due = self._due
        for event_id in event_ids:
            due.pop(event_id, None)
            due.pop(event_id + "+", None)

    def cut(self, refs: Collection[str], now_ms: Ms) -> None:
        """Take back what these calls would still have reported after `now_ms`.

        One pass for a whole batch: hang-ups are rare, and the heap stays free of dead entries.
        """
        self._heap = [item for item in self._heap if item[3].ref not in refs or item[3].at_ms <= now_ms]
        heapify(self._heap)

    def pending(self) -> list[Pending]:
        """Everything not yet acknowledged, for another process."""
        pending = [Pending(event.at_ms, NORMAL, event) for event in self._due.values()]
        return pending + [
            Pending(due_ms, delivery, event) for due_ms, _, delivery, event in sorted(self._heap)
        ]
