"""How an account stands, for those who look every second: measured once for all of them."""

from __future__ import annotations

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.insight.ledger_counts import Dialing, read_dialing
from scheduler.insight.wheel_view import WheelView, WheelViewer
from scheduler.ledger.database import Database

COUNTED_SHARE = 0.05
"""Counting a million waiting loops takes 0.3 s of the ledger's time: no more of it than this."""


class Standing(msgspec.Struct, frozen=True):
    """`view`: what waits and why, as of its own `at_ms`; `dialing` as of `at_ms`."""

    at_ms: Ms
    view: WheelView
    dialing: Dialing


class Ticks:
    """Measures one account again and again: how dialing goes each time, what waits as often as that is
    cheap."""

    def __init__(self, viewer: WheelViewer, database: Database, clock: Clock, account_id: int) -> None:
        self._viewer = viewer
        self._database = database
        self._clock = clock
        self._account_id = account_id
        self._view: WheelView | None = None
        self._count_again_s = 0.0

    async def measure(self) -> Standing:
        """Raises ServerUnavailable."""
        began_s = self._clock.monotonic_s()
        if self._view is None or began_s >= self._count_again_s:
            self._view = await self._viewer.look(self._account_id, lanes=0)
            ended_s = self._clock.monotonic_s()
            self._count_again_s = began_s + (ended_s - began_s) / COUNTED_SHARE
            return Standing(self._view.at_ms, self._view, self._view.dialing)
        now_ms = self._clock.now_ms()
        return Standing(now_ms, self._view, await read_dialing(self._database, self._account_id, now_ms))
