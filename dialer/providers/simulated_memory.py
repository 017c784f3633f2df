"""What the simulator remembers of calls, so that they can be looked up: the latest ones, and how far back."""

from __future__ import annotations

from uuid import UUID

import msgspec

from dialer.providers.base import ProviderEvent
from scheduler.domain.time import Ms
from scheduler.flow.lookup import CannotSay, Found, FoundCall, Lookup, NoCall

HALF = 25_000
"""Calls of a generation; the latest two are remembered, some 20 MB. What is older is not denied."""


class PlacedCall(msgspec.Struct, gc=False):
    """A call as it was taken. `ended`: how it ends by itself; None while it waits for its turn."""

    ref: str
    placed_ms: Ms
    ended: ProviderEvent | None = None
    ring_at_ms: Ms = 0
    answered_at_ms: Ms | None = None


class Memory:
    """Calls by key, in two generations: forgetting costs nothing. `whole`: nothing was ever placed before."""

    def __init__(self, *, whole: bool, lag_ms: Ms) -> None:
        self._young: dict[UUID, PlacedCall] = {}
        self._old: dict[UUID, PlacedCall] = {}
        self._old_until_ms: Ms = 0
        self._blind_until_ms: Ms | None = 0 if whole else None
        self.lag_ms = lag_ms

    def begin(self, now_ms: Ms) -> None:
        """What was placed before now by another process is not known here."""
        if self._blind_until_ms is None:
            self._blind_until_ms = now_ms

    def keep(self, key: UUID, call: PlacedCall) -> None:
        self._young[key] = call
        if len(self._young) >= HALF:
            if self._old:
                self._blind_until_ms = max(self._blind_until_ms or 0, self._old_until_ms)
            self._old, self._young = self._young, {}
            self._old_until_ms = max(self._old_until_ms, call.placed_ms)

    def of(self, key: UUID) -> PlacedCall | None:
        return self._young.get(key) or self._old.get(key)

    def find(self, lookup: Lookup, now_ms: Ms) -> Found:
        """A request that comes after `arrive_by_ms` is refused: so what is not here by then never will be."""
        call = self.of(lookup.key)
        if call is not None and call.placed_ms + self.lag_ms <= now_ms:
            return _told(call, now_ms)
        seen_all = self._blind_until_ms is not None and self._blind_until_ms < lookup.armed_at_ms
        if call is None and seen_all and now_ms > lookup.arrive_by_ms + self.lag_ms:
            return NoCall()
        return CannotSay()


def _told(call: PlacedCall, now_ms: Ms) -> FoundCall:
    """The call as it is now."""
    ended, answered_ms = call.ended, call.answered_at_ms
    if ended is None:
        return FoundCall(call.ref, "accepted")
    if answered_ms is not None and answered_ms > now_ms:
        answered_ms = None
    if ended.at_ms > now_ms:
        ringing = ended.rang_until_ms is not None and call.ring_at_ms <= now_ms
        state = "in_call" if answered_ms is not None else "ringing" if ringing else "accepted"
        return FoundCall(call.ref, state, answered_at_ms=answered_ms)
    return FoundCall(
        call.ref,
        "in_call" if answered_ms is not None else "accepted",
        outcome=ended.outcome,
        ended_at_ms=ended.at_ms,
        answered_at_ms=answered_ms,
        rang_until_ms=ended.rang_until_ms,
        talk_s=ended.talk_s,
        disposition=ended.disposition,
        callback_at_ms=ended.callback_at_ms,
        error=ended.error,
    )
