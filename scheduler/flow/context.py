"""What every step of a lead's way has at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import structlog

from scheduler.domain.time import HOUR, MINUTE, Ms
from scheduler.errors import DialwheelError
from scheduler.flow.keys import lead_key
from scheduler.flow.lanes import Lanes
from scheduler.flow.place_book import PlaceBook
from scheduler.flow.policies import Policies
from scheduler.flow.quarantine import Standing
from scheduler.flow.reach import Reach
from scheduler.flow.stock import Stock
from scheduler.ledger.database import Database
from scheduler.wheel import Placing, TimingWheel

log = structlog.get_logger()


@dataclass(frozen=True)
class Flow:
    """Stores and caches, shared by enrolment, arm, settle and the services of one process.

    `spread_ms`: open time over which a batch that says nothing else is first touched. `stock_horizons`: how
    many horizons a paced batch's pace is to last on what is on the wheel. `least_horizon_ms`, `memory_share`:
    how the horizon shrinks when the wheel's memory is short.
    """

    database: Database
    wheel: TimingWheel
    policies: Policies
    lanes: Lanes
    places: PlaceBook
    horizon_ms: Ms
    close_margin_ms: Ms
    phone_key: bytes
    spread_ms: Ms = 4 * HOUR
    stock_horizons: float = 1.2
    least_horizon_ms: Ms = 10 * MINUTE
    memory_share: float = 0.7

    @cached_property
    def standing(self) -> Standing:
        """What this process knows of the ledger, and whether permits are given."""
        return Standing()

    @cached_property
    def reach(self) -> Reach:
        """How far ahead work is put on the wheel just now."""
        return Reach(self.horizon_ms, least_ms=self.least_horizon_ms, shrinks_at=self.memory_share)

    @cached_property
    def stock(self) -> Stock:
        """What paced batches have on the wheel."""
        return Stock(self.database, self.wheel, self.reach, horizons=self.stock_horizons)

    def forget(self) -> None:
        """The ledger was put back to an earlier state: its ids may come to mean something else."""
        self.lanes.resize(self.wheel.shards)
        self.policies.forget()
        self.places.forget()

    def lead_key(self, external_id: str | None, phone: str) -> str:
        """The stable part of every jitter of a lead: its external id, else a keyed hash of its phone."""
        return lead_key(self.phone_key, external_id, phone)

    def within_horizon(self, next_at_ms: Ms, now_ms: Ms) -> bool:
        """Whether a writer places this itself, unless it is held back. Wider than the feeder's own reach by a
        quarter, so that what is committed while the feeder reads falls between neither of them."""
        return next_at_ms <= now_ms + self.reach.ms + self.reach.ms // 4

    async def place(self, placings: Sequence[Placing], now_ms: Ms) -> None:
        """Put loops on the wheel after their commit. With the wheel away the sweeper does it later."""
        if not placings:
            return
        try:
            await self.wheel.place(placings, now_ms)
        except DialwheelError as error:
            log.warning("loops_not_placed", loops=len(placings), why=error.what)
