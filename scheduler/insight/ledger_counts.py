"""What the ledger holds for an account: counted when somebody looks, a tenth of the time at most."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.ledger.database import Database, Row
from scheduler.ledger.instants import to_datetime

_KEPT_FROM_S = 0.1
_KEPT_TIMES = 10
"""Counting a million loops takes some 0.3 s: what took long is kept so many times as long, and pages that are
renewed every second do not count all the time."""

_MOST_KEPT = 100
_ATTEMPTS = 20_000
"""Attempts looked at for the figures of the last minute: 8 ms. Above 333 dials/s they reach back less far."""

CLASSES = ("live", "callback", "follow-up", "bulk")


class Dialing(msgspec.Struct, frozen=True):
    """Calls under way, dials per second, and ms from due to dispatched (None where nothing was dialled)."""

    in_flight: int
    per_s_of_10_s: float
    per_s_of_minute: float
    lag_p50_ms: Ms | None
    lag_p99_ms: Ms | None


class Slots(msgspec.Struct, frozen=True):
    """Loops that are due in [from_ms, until_ms), in stretches of `length_ms`; one count for each class."""

    from_ms: Ms
    until_ms: Ms
    length_ms: Ms
    counts: list[dict[str, int]]


class LaneCounts:
    """Waiting loops by lane, as rows of `wheel_waiting`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: dict[int, tuple[float, list[Row]]] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def of(self, account_id: int, now_ms: Ms) -> list[Row]:
        """Raises ServerUnavailable."""
        async with self._locks.setdefault(account_id, asyncio.Lock()):
            began_s = self._clock.monotonic_s()
            kept_until_s, rows = self._kept.get(account_id, (0.0, []))
            if began_s < kept_until_s:
                return rows
            rows = await self._database.fetch("wheel_waiting", account_id, to_datetime(now_ms))
            ended_s = self._clock.monotonic_s()
            if ended_s - began_s >= _KEPT_FROM_S:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[account_id] = (ended_s + _KEPT_TIMES * (ended_s - began_s), rows)
            return rows


async def read_dialing(database: Database, account_id: int, now_ms: Ms) -> Dialing:
    """Raises ServerUnavailable."""
    row = await database.fetch_row("wheel_dialing", account_id, to_datetime(now_ms), _ATTEMPTS)
    assert row is not None
    reach_s = 60.0 if row["reach_s"] is None else max(0.001, float(row["reach_s"]))
    p50, p99 = row["lags_ms"] or (None, None)
    return Dialing(
        in_flight=row["in_flight"],
        per_s_of_10_s=round(row["ten_s"] / min(10.0, reach_s), 2),
        per_s_of_minute=round(row["minute"] / min(60.0, reach_s), 2),
        lag_p50_ms=None if p50 is None else int(p50),
        lag_p99_ms=None if p99 is None else int(p99),
    )


async def read_slots(
    database: Database, account_id: int, *, from_ms: Ms, until_ms: Ms, length_ms: Ms
) -> Slots:
    """The ledger's own index in time: it holds what is beyond the wheel's horizon as well.

    The last stretch ends with `until_ms`. Raises ServerUnavailable.
    """
    counts = [dict.fromkeys(CLASSES, 0) for _ in range(-((from_ms - until_ms) // length_ms))]
    rows = await database.fetch(
        "wheel_slots",
        account_id,
        to_datetime(from_ms),
        to_datetime(until_ms),
        timedelta(milliseconds=length_ms),
    )
    for row in rows:
        counts[row["slot"]][row["class"]] += row["loops"]
    return Slots(from_ms, until_ms, length_ms, counts)
