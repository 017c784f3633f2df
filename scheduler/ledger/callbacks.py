"""Callbacks in the ledger: when people asked to be called, and what became of that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import NotFound
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime, to_datetime_or_none
from scheduler.ledger.news import News, tell_all
from scheduler.ledger.pages import EVER, Created, Slice

OPEN = frozenset({"scheduled", "due"})


class When(msgspec.Struct, frozen=True):
    """When a person is to be called. Of words: which, the window that they were read as, and how sure that
    is."""

    at_ms: Ms
    from_ms: Ms | None = None
    until_ms: Ms | None = None
    confidence: float | None = None
    said: str | None = None


class AskedInCall(msgspec.Struct, frozen=True):
    """Somebody asked in a call, an attempt, to be called again."""

    account_id: int
    lead_id: int
    loop_id: int
    attempt_id: int
    at_ms: Ms


class CallbackFilter(msgspec.Struct, frozen=True):
    """What is not None narrows: one of each list. `at_from` is inclusive, `at_until` exclusive."""

    lead_ids: list[int] | None = None
    agent_ids: list[int] | None = None
    statuses: list[str] | None = None
    at_from: datetime | None = None
    at_until: datetime | None = None


EVERY = CallbackFilter()


async def callbacks_page(
    database: Database, account_id: int, asked: Slice, narrow: CallbackFilter = EVERY
) -> list[Row]:
    """A page of them, planned for its own filters."""
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        columns = msgspec.structs.astuple(narrow)
        return await database.fetch("callback_page", account_id, None, *asked.values, *columns, on=on)


async def callbacks(
    database: Database, account_id: int, numbers: Sequence[int], on: Connection | None = None
) -> list[Row]:
    """Those of these numbers."""
    columns = (*Slice(None).values, *msgspec.structs.astuple(EVERY))
    return await database.fetch("callback_page", account_id, list(numbers), *columns, on=on)


async def callback(database: Database, account_id: int, number: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    rows = await callbacks(database, account_id, [number], on)
    if not rows:
        raise NotFound("no such callback")
    return rows[0]


async def count_callbacks(
    database: Database, account_id: int, narrow: CallbackFilter, created: Created = EVER
) -> int:
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        columns = msgspec.structs.astuple(narrow)
        return await database.fetch_count("callback_count", account_id, *columns, created, on=on)


async def open_callback(database: Database, on: Connection, account_id: int, lead_id: int) -> Row | None:
    """The one that a lead, which is locked, waits for."""
    row = await database.fetch_row("callback_of_lead", account_id, lead_id, on=on)
    return None if row is None else await callback(database, account_id, row["callback_id"], on)


async def close_callbacks(
    database: Database, on: Connection, lead_ids: Sequence[int], status: str, now_ms: Ms
) -> None:
    """`status`: done, or canceled."""
    if lead_ids:
        await database.execute("callback_close", list(lead_ids), status, to_datetime(now_ms), on=on)


async def keep_asked(
    database: Database, on: Connection, asked: Sequence[AskedInCall], source: str, now_ms: Ms
) -> None:
    """Keep what people asked for in calls, each in place of what was open, and tell of it."""
    if not asked:
        return
    await close_callbacks(database, on, [each.lead_id for each in asked], "canceled", now_ms)
    rows = await database.fetch(
        "callback_asked",
        [each.account_id for each in asked],
        [each.lead_id for each in asked],
        [each.loop_id for each in asked],
        [each.attempt_id for each in asked],
        [to_datetime(each.at_ms) for each in asked],
        source,
        to_datetime(now_ms),
        on=on,
    )
    await _tell(database, "callback.scheduled", rows, now_ms, on)


async def create_callback(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    lead_id: int,
    loop_id: int,
    when: When,
    note: str,
    source: str,
    now_ms: Ms,
) -> int:
    """Answers its number. What was open of the lead is closed by then."""
    row = await database.fetch_row(
        "callback_create", account_id, lead_id, loop_id, *_columns(when), note, source, to_datetime(now_ms),
        on=on,
    )  # fmt: skip
    assert row is not None
    number = int(row["callback_id"])
    await tell_scheduled(database, on, account_id, number, lead_id, now_ms)
    return number


async def change_callback(
    database: Database, on: Connection, number: int, when: When, note: str, now_ms: Ms
) -> None:
    """Of one that is still to be made, its lead locked."""
    await database.execute("callback_change", number, *_columns(when), note, to_datetime(now_ms), on=on)


async def tell_scheduled(
    database: Database, on: Connection, account_id: int, number: int, lead_id: int, now_ms: Ms
) -> None:
    """A callback was asked for, or asked for at another time."""
    told = News("callback.scheduled", account_id, [number], [lead_id])
    await tell_all(database, [told], now_ms, on)


async def due_callbacks(database: Database, now_ms: Ms, *, most: int) -> int:
    """Those whose time has come are due, and it is told, `most` at once. Answers how many it were."""
    async with database.transaction() as on:
        rows = await database.fetch("callback_due", to_datetime(now_ms), most, on=on)
        await _tell(database, "callback.due", [row for row in rows if row["status"] == "due"], now_ms, on)
    return len(rows)


async def _tell(database: Database, type_: str, rows: Sequence[Row], now_ms: Ms, on: Connection) -> None:
    by_account: dict[int, list[Row]] = {}
    for row in rows:
        by_account.setdefault(row["account_id"], []).append(row)
    told = [
        News(type_, account_id, [row["callback_id"] for row in own], [row["lead_id"] for row in own])
        for account_id, own in by_account.items()
    ]
    await tell_all(database, told, now_ms, on)


def _columns(when: When) -> tuple[object, ...]:
    return (
        to_datetime(when.at_ms),
        to_datetime_or_none(when.from_ms),
        to_datetime_or_none(when.until_ms),
        when.confidence,
        when.said,
    )
