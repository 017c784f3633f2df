"""Phones that an account never calls: people's own word, and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scheduler.domain.time import Ms
from scheduler.errors import NotFound
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import EVER, ONE, Created, Slice
from scheduler.ledger.refusals import refusing

TAKEN = "there is a list of that name already"


class Suppressed(NamedTuple):
    """`added`: phones that were not suppressed before; `entered`: that the list did not have."""

    added: int
    entered: int


async def suppress(
    database: Database,
    on: Connection,
    account_id: int,
    phones: Sequence[str],
    *,
    reason: str,
    source: str,
    list_id: int | None,
    now_ms: Ms,
) -> Suppressed:
    """`list_id` None: the people's own word."""
    values = (account_id, list(phones), reason, source, to_datetime(now_ms), list_id)
    row = await database.fetch_row("dnc_suppress", *values, on=on)
    assert row is not None
    return Suppressed(row["added"], row["entered"])


async def entries(
    database: Database,
    account_id: int,
    asked: Slice,
    *,
    list_id: int | None,
) -> list[Row]:
    return await database.fetch("dnc_entry_page", account_id, None, *asked.values, list_id, None)


async def entry(database: Database, account_id: int, entry_id: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    values = (account_id, [entry_id], *ONE.values, None, None)
    return _found(await database.fetch_row("dnc_entry_page", *values, on=on), "entry")


async def entries_numbered(database: Database, account_id: int, entry_ids: Sequence[int]) -> list[Row]:
    """In any order."""
    if not entry_ids:
        return []
    values = (account_id, list(entry_ids), *Slice(len(entry_ids)).values, None, None)
    return await database.fetch("dnc_entry_page", *values)


async def entries_of(database: Database, account_id: int, phones: Sequence[str]) -> dict[str, Row]:
    """Those of the phones that are never called, by phone."""
    rows = await database.fetch(
        "dnc_entry_page", account_id, None, *Slice(len(phones)).values, None, list(phones)
    )
    return {row["phone"]: row for row in rows}


async def marked(database: Database, account_id: int, marks: Mapping[str, str]) -> set[str]:
    """Those of the phones whose owners asked not to be called and were erased; `marks`: keyed hashes."""
    rows = await database.fetch("dnc_marked", account_id, list(marks), list(marks.values()))
    return {row["phone"] for row in rows}


async def count_entries(
    database: Database, account_id: int, list_id: int | None, created: Created = EVER
) -> int:
    return await database.fetch_count("dnc_entry_count", account_id, list_id, created)


async def change_entry(
    database: Database, on: Connection, account_id: int, entry_id: int, reason: str, now_ms: Ms
) -> str:
    """Answers the reason as it was. Raises NotFound."""
    values = (account_id, entry_id, reason, to_datetime(now_ms))
    row = await database.fetch_row("dnc_entry_change", *values, on=on)
    return _found(row, "entry")["reason"]


async def remove_entry(database: Database, on: Connection, account_id: int, entry_id: int, now_ms: Ms) -> Row:
    """Answers phone, reason and source of what is gone. Raises NotFound."""
    values = (account_id, entry_id, to_datetime(now_ms))
    return _found(await database.fetch_row("dnc_entry_remove", *values, on=on), "entry")


async def lists(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("dnc_list_page", account_id, None, *asked.values)


async def one_list(database: Database, account_id: int, list_id: int, on: Connection | None = None) -> Row:
    """Raises NotFound."""
    values = (account_id, [list_id], *ONE.values)
    return _found(await database.fetch_row("dnc_list_page", *values, on=on), "list")


async def create_list(
    database: Database, on: Connection, account_id: int, name: str, source: str, now_ms: Ms
) -> int:
    """Answers its id. Raises Refused (`state-conflict`) when the name is taken."""
    with refusing(taken=TAKEN):
        row = await database.fetch_row(
            "dnc_list_create", account_id, name, source, to_datetime(now_ms), on=on
        )
    assert row is not None
    return row["dnc_list_id"]


async def ensure_list(
    database: Database, on: Connection, account_id: int, name: str, now_ms: Ms
) -> tuple[int, bool]:
    """The id of the list of that name, and whether it was made just now."""
    row = await database.fetch_row("dnc_list_ensure", account_id, name, to_datetime(now_ms), on=on)
    assert row is not None
    return row["dnc_list_id"], row["made"]


async def change_list(
    database: Database, on: Connection, account_id: int, list_id: int, name: str, source: str, now_ms: Ms
) -> None:
    """Raises Refused (`state-conflict`) when the name is taken."""
    with refusing(taken=TAKEN):
        await database.execute(
            "dnc_list_change", account_id, list_id, name, source, to_datetime(now_ms), on=on
        )


async def list_piece(
    database: Database, on: Connection, account_id: int, list_id: int, most: int
) -> list[str]:
    """Up to `most` of the phones that a list has."""
    rows = await database.fetch("dnc_list_piece", account_id, list_id, most, on=on)
    return [row["phone"] for row in rows]


async def empty_list(
    database: Database, on: Connection, account_id: int, list_id: int, phones: Sequence[str], now_ms: Ms
) -> tuple[int, int]:
    """Take phones off a list; answers how many it had, and how many of them may be called again."""
    values = (account_id, list_id, list(phones), to_datetime(now_ms))
    row = await database.fetch_row("dnc_list_empty", *values, on=on)
    assert row is not None
    return row["taken"], row["freed"]


async def delete_list(database: Database, on: Connection, account_id: int, list_id: int) -> None:
    await database.execute("dnc_list_delete", account_id, list_id, on=on)


def _found(row: Row | None, what: str) -> Row:
    if row is None:
        raise NotFound(f"no such {what}")
    return row
