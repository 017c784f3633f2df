"""News of single attempts that the ledger would not take, for a reason of its own and not the network's.

It is kept, tried again after pauses, and in the end left, with a line in the log. Most such reasons pass: two
writers met in an index, a row was not there yet. An attempt whose news was left is looked up, or written off
as unknown. The provider heard no acknowledgement: the next start hears it again.
"""

from __future__ import annotations

import msgspec
import structlog

from dialer.news import Group
from scheduler.clock import Clock

log = structlog.get_logger()

FIRST_PAUSE_S = 0.5
TRIES = 8
"""Half a second, then twice as long each time: a minute in all."""


class _Kept(msgspec.Struct):
    group: Group
    tries: int
    again_s: float


class Refused:
    """Of one recorder. Times are monotonic: they do not pass faster on a fast Clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._tries: dict[int, int] = {}

    def keep(self, attempt_id: int, group: Group, error: Exception) -> None:
        """All that is known of the attempt, refused once more."""
        tries = self._tries.pop(attempt_id, 0) + 1
        if tries >= TRIES:
            log.error("news_given_up", attempt_id=attempt_id, error=type(error).__name__, tries=tries)
            return
        before = self._kept.get(attempt_id)
        if before is not None:  # another line had some of it meanwhile
            group = Group(before.group.sent + group.sent, before.group.events + group.events)
        log.warning("news_refused", attempt_id=attempt_id, error=type(error).__name__, tries=tries)
        again_s = self._clock.monotonic_s() + FIRST_PAUSE_S * 2 ** (tries - 1)
        self._kept[attempt_id] = _Kept(group, tries, again_s)

    def due(self) -> Group:
        """What is to be tried again now; it is the caller's from then on."""
        now_s = self._clock.monotonic_s()
        group = Group([], [])
        for attempt_id in [attempt_id for attempt_id, kept in self._kept.items() if kept.again_s <= now_s]:
            kept = self._kept.pop(attempt_id)
            self._tries[attempt_id] = kept.tries
            group.sent += kept.group.sent
            group.events += kept.group.events
        return group

    def taken(self, attempt_ids: list[int]) -> None:
        """The ledger has them after all."""
        for attempt_id in attempt_ids:
            self._tries.pop(attempt_id, None)

    def leave(self) -> None:
        """The process ends."""
        for attempt_id, kept in self._kept.items():
            log.error("news_given_up", attempt_id=attempt_id, error="the dialer ends", tries=kept.tries)
        self._kept.clear()

    def rest_s(self) -> float | None:
        """Real seconds until something is due; None while there is nothing."""
        if not self._kept:
            return None
        return max(0.0, min(kept.again_s for kept in self._kept.values()) - self._clock.monotonic_s())
