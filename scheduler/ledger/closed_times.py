"""Times in which nobody is called: no-call days, and closings by order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import ONE, Slice
from scheduler.ledger.refusals import refusing

TAKEN = "that day is a no-call day there already"


class NoCallDay(msgspec.Struct, frozen=True):
    """`regions` none: everywhere."""

    date: date
    label: str
    regions: Sequence[str]
    yearly: bool


class Closure(msgspec.Struct, frozen=True):
    """Nobody is called from `starts_at` until `ends_at` in `regions`; none: everywhere."""

    regions: Sequence[str]
    starts_at: datetime
    ends_at: datetime
    reason: str


async def no_call_days(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("no_call_day_page", account_id, None, *asked.values)


async def no_call_day(database: Database, account_id: int, number: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("no_call_day_page", account_id, [number], *ONE.values, on=on)
    return _found(row, "no-call day")


async def lock_no_call_day(database: Database, on: Connection, account_id: int, number: int) -> Row:
    """Held until the transaction ends. Raises NotFound."""
    return _found(await database.fetch_row("no_call_day_lock", account_id, number, on=on), "no-call day")


async def create_no_call_day(
    database: Database, on: Connection, account_id: int, day: NoCallDay, *, now_ms: Ms, most: int
) -> int:
    """Answers its number. Raises Refused (`state-conflict`) when it is there already, or `most` others."""
    with refusing(taken=TAKEN):
        row = await database.fetch_row(
            "no_call_day_create",
            account_id,
            day.date,
            day.label,
            list(day.regions),
            day.yearly,
            to_datetime(now_ms),
            most,
            on=on,
        )
    if row is None:
        raise _too_many("no-call days", most)
    return int(row["no_call_day_id"])


async def change_no_call_day(
    database: Database, on: Connection, account_id: int, number: int, day: NoCallDay, now_ms: Ms
) -> None:
    """Raises Refused (`state-conflict`) when that is another one already."""
    with refusing(taken=TAKEN):
        await database.execute(
            "no_call_day_change",
            account_id,
            number,
            day.date,
            day.label,
            list(day.regions),
            day.yearly,
            to_datetime(now_ms),
            on=on,
        )


async def delete_no_call_day(database: Database, on: Connection, account_id: int, number: int) -> None:
    await database.execute("no_call_day_delete", account_id, number, on=on)


async def closures(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("closure_page", account_id, None, *asked.values)


async def closure(database: Database, account_id: int, number: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    row = await database.fetch_row("closure_page", account_id, [number], *ONE.values, on=on)
    return _found(row, "closure")


async def lock_closure(database: Database, on: Connection, account_id: int, number: int) -> Row:
    """Held until the transaction ends. Raises NotFound."""
    return _found(await database.fetch_row("closure_lock", account_id, number, on=on), "closure")


async def create_closure(
    database: Database, on: Connection, account_id: int, order: Closure, *, now_ms: Ms, most: int
) -> int:
    """Answers its number. Raises Refused (`state-conflict`) when the account has `most` others."""
    row = await database.fetch_row(
        "closure_create",
        account_id,
        list(order.regions),
        order.starts_at,
        order.ends_at,
        order.reason,
        to_datetime(now_ms),
        most,
        on=on,
    )
    if row is None:
        raise _too_many("closures", most)
    return int(row["closure_id"])


async def change_closure(
    database: Database, on: Connection, account_id: int, number: int, order: Closure, now_ms: Ms
) -> None:
    await database.execute(
        "closure_change",
        account_id,
        number,
        list(order.regions),
        order.starts_at,
        order.ends_at,
        order.reason,
        to_datetime(now_ms),
        on=on,
    )


async def delete_closure(database: Database, on: Connection, account_id: int, number: int) -> None:
    await database.execute("closure_delete", account_id, number, on=on)


def _found(row: Row | None, what: str) -> Row:
    if row is None:
        raise NotFound(f"no such {what}")
    return row


def _too_many(what: str, most: int) -> Refused:
    return Refused("state-conflict", f"the account has {most} {what}", do="remove those that are over")
