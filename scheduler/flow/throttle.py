"""The pace of a batch: what is stored of it, and what enrolment makes of that."""

from __future__ import annotations

from datetime import datetime

import msgspec

from scheduler.domain.spread import Spread
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.ledger.database import Connection
from scheduler.ledger.instants import to_ms_or_none


class Throttle(msgspec.Struct, frozen=True, omit_defaults=True):
    """A batch's pace as the API writes it; null is no limit. `spread_over_s`: of open time, where
    `max_per_min` is null."""

    max_per_min: float | None = None
    max_concurrent: int | None = None
    start_at: datetime | None = None
    spread_over_s: int | None = None


NO_THROTTLE = Throttle()
"""Nothing is stated."""


class Pace(msgspec.Struct, frozen=True):
    """A batch as enrolment sees it. `spread`: when its first touches are; `max_per_min` instead of spreading
    them lets the batch's gate pace them."""

    batch_id: int
    max_per_min: float | None
    spread: Spread


read_throttle = msgspec.json.Decoder(Throttle).decode


def pace_under(throttle: Throttle, batch_id: int, default_ms: Ms) -> Pace:
    """The pace that a throttle makes; `default_ms`: open time over which a batch without one is spread."""
    over_ms = default_ms if throttle.spread_over_s is None else throttle.spread_over_s * SECOND
    paced = throttle.max_per_min is not None
    spread = Spread(to_ms_or_none(throttle.start_at), 0 if paced else over_ms)
    return Pace(batch_id, throttle.max_per_min, spread)


async def pace_of(flow: Flow, batch_id: int, on: Connection | None = None) -> Pace:
    """The batch's pace as the ledger has it now. On a transaction's connection the batch is kept from being
    changed or canceled until its end.

    Raises NotFound; Refused (`state-conflict`) when the batch is canceled.
    """
    name = "batch_pace" if on is None else "batch_pace_kept"
    row = await flow.database.fetch_row(name, batch_id, on=on)
    if row is None:
        raise NotFound("no such batch")
    if row["status"] == "canceled":
        raise Refused(
            "state-conflict",
            "the batch is canceled",
            "nothing of it is called any more",
            "choose another batch",
        )
    return pace_under(read_throttle(row["throttle"]), batch_id, flow.spread_ms)
