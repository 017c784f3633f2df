"""Caller ids, their pools and what was called under each number on each day of its account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from scheduler.domain.caller_ids import CallerId
from scheduler.domain.localtime import day_of, day_start
from scheduler.domain.time import Ms
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_date, to_ms_or_none


class PoolDay(msgspec.Struct, frozen=True):
    """A pool on its account's local day `day`, which ends at `ends_ms`; its active numbers, in order."""

    pool_id: int
    account_id: int
    strategy: str
    day: int
    ends_ms: Ms
    numbers: list[CallerId]


async def pools_today(database: Database, pool_ids: Iterable[int] | None, now_ms: Ms) -> list[PoolDay]:
    """These pools, or all, with what their numbers were used today."""
    rows = await database.fetch("caller_id_pool_zones", None if pool_ids is None else list(pool_ids))
    days = {row["caller_id_pool_id"]: day_of(row["timezone"], now_ms) for row in rows}
    numbers = await numbers_on(database, days)
    return [
        PoolDay(
            pool_id=(pool_id := row["caller_id_pool_id"]),
            account_id=row["account_id"],
            strategy=row["strategy"],
            day=days[pool_id],
            ends_ms=day_start(row["timezone"], days[pool_id] + 1),
            numbers=numbers[pool_id],
        )
        for row in rows
    ]


async def numbers_on(
    database: Database, days: dict[int, int], on: Connection | None = None
) -> dict[int, list[CallerId]]:
    """The active numbers of each pool, in its order, as they stand on the day given for the pool."""
    found: dict[int, list[CallerId]] = {pool_id: [] for pool_id in days}
    if days:
        dates = [to_date(day) for day in days.values()]
        for row in await database.fetch("caller_id_today", list(days), dates, on=on):
            found[row["caller_id_pool_id"]].append(
                CallerId(
                    caller_id_id=row["caller_id_id"],
                    phone=row["phone"],
                    region=row["region"],
                    left=row["left"],
                    used=row["used"],
                    rest_until_ms=to_ms_or_none(row["rest_until"]),
                )
            )
    return found


async def count_calls(
    database: Database, calls: Sequence[tuple[int, int, int]], on: Connection | None = None
) -> set[int]:
    """(caller id, day, calls), a caller id once: count them, each number's only as far as its cap goes.

    Answers the caller ids that were counted. A cap that was passed meanwhile leaves its number as it was.
    """
    rows = await database.fetch(
        "caller_id_count",
        [caller_id_id for caller_id_id, _, _ in calls],
        [to_date(day) for _, day, _ in calls],
        [count for _, _, count in calls],
        on=on,
    )
    return {row["caller_id_id"] for row in rows}
