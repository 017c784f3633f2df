"""Caller ids, their pools and what was called under each number on each day of its account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from scheduler.domain.caller_ids import CallerId
from scheduler.domain.localtime import day_of, day_start
from scheduler.domain.time import Ms
from scheduler.errors import LedgerRefused, NotFound
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_date, to_datetime, to_ms_or_none
from scheduler.ledger.pages import ONE, Slice
from scheduler.ledger.refusals import refusing
from scheduler.ledger.trunks import encode_changes

PHONE_TAKEN = "the account has a caller id of that number already"
NAME_TAKEN = "there is a pool of that name already"
IN_A_POOL = "the caller id is in a pool"
POOL_IN_USE = "an agent's calls go out by this pool"


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


async def caller_ids(database: Database, account_id: int, day: int, asked: Slice) -> list[Row]:
    """`day`: the account's, for what each was used on it."""
    return await database.fetch("caller_id_page", account_id, None, *asked.values, to_date(day))


async def caller_id(database: Database, account_id: int, caller_id_id: int, day: int) -> Row:
    """Raises NotFound."""
    rows = await database.fetch("caller_id_page", account_id, [caller_id_id], *ONE.values, to_date(day))
    return _found(rows, "caller id")


async def create_caller_id(
    database: Database,
    on: Connection | None = None,
    *,
    account_id: int,
    phone: str,
    daily_cap: int,
    now_ms: Ms,
    region: str | None = None,
    rest_until: datetime | None = None,
    status: str = "active",
) -> int:
    """Answers its id. `phone` in E.164. Raises Refused (`state-conflict`) for a number that is there."""
    values = (account_id, phone, region, daily_cap, rest_until, status, to_datetime(now_ms))
    with refusing(taken=PHONE_TAKEN):
        rows = await database.fetch("caller_id_create", *values, on=on)
    return int(rows[0]["caller_id_id"])


async def change_caller_id(
    database: Database,
    on: Connection,
    account_id: int,
    caller_id_id: int,
    changes: dict[str, Any],
    now_ms: Ms,
) -> Row:
    """Set the fields that `changes` names; answers them all as they were, and its pool. Raises NotFound."""
    values = (account_id, caller_id_id, encode_changes(changes), to_datetime(now_ms))
    return _found(await database.fetch("caller_id_change", *values, on=on), "caller id")


async def delete_caller_id(database: Database, on: Connection, account_id: int, caller_id_id: int) -> str:
    """Answers its phone. Raises NotFound; Refused (`in-use`) while it is in a pool."""
    with refusing(taken=PHONE_TAKEN, in_use=IN_A_POOL):
        rows = await database.fetch("caller_id_delete", account_id, caller_id_id, on=on)
    return str(_found(rows, "caller id")["phone"])


async def pools(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("caller_id_pool_page", account_id, None, *asked.values)


async def pool(database: Database, account_id: int, pool_id: int) -> Row:
    """Raises NotFound."""
    rows = await database.fetch("caller_id_pool_page", account_id, [pool_id], *ONE.values)
    return _found(rows, "caller id pool")


async def create_pool(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    name: str,
    strategy: str,
    caller_id_ids: Sequence[int],
    now_ms: Ms,
) -> int:
    """Answers its id. Raises Refused when the name is taken or a number is in another pool; LedgerRefused for
    a number that the account does not have."""
    with refusing(taken=NAME_TAKEN):
        rows = await database.fetch(
            "caller_id_pool_create", account_id, name, strategy, to_datetime(now_ms), on=on
        )
    pool_id = int(rows[0]["caller_id_pool_id"])
    await fill_pool(database, on, account_id, pool_id, caller_id_ids)
    return pool_id


async def change_pool(
    database: Database, on: Connection, account_id: int, pool_id: int, changes: dict[str, Any], now_ms: Ms
) -> Row:
    """Set name and strategy where `changes` names them; answers both as they were. Raises NotFound,
    Refused."""
    values = (account_id, pool_id, encode_changes(changes), to_datetime(now_ms))
    with refusing(taken=NAME_TAKEN):
        return _found(await database.fetch("caller_id_pool_change", *values, on=on), "caller id pool")


async def fill_pool(
    database: Database, on: Connection, account_id: int, pool_id: int, caller_id_ids: Sequence[int]
) -> None:
    """Make these the pool's numbers, in this order. Raises Refused (`state-conflict`) when one is in another
    pool, LedgerRefused for one that the account does not have."""
    await database.execute("caller_id_pool_empty", account_id, pool_id, on=on)
    with refusing(taken=f"{IN_A_POOL} already"):
        filled = await database.fetch("caller_id_pool_fill", account_id, pool_id, list(caller_id_ids), on=on)
    if len(filled) != len(caller_id_ids):
        raise LedgerRefused("no such caller id")


async def delete_pool(database: Database, on: Connection, account_id: int, pool_id: int) -> str:
    """Its numbers stay; answers its name. Raises NotFound; Refused (`in-use`) while an agent has it."""
    with refusing(taken=NAME_TAKEN, in_use=POOL_IN_USE):
        rows = await database.fetch("caller_id_pool_delete", account_id, pool_id, on=on)
    return str(_found(rows, "caller id pool")["name"])


def _found(rows: list[Row], what: str) -> Row:
    if not rows:
        raise NotFound(f"no such {what}")
    return rows[0]
