"""Records of attempts in the ledger: one chain of hashes for each account."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime


class Head(msgspec.Struct, frozen=True):
    """The last link of an account's chain, and up to which of its events the chain goes."""

    account_id: int
    number: int
    hash: bytes
    news_seq: int


class Link(msgspec.Struct, frozen=True):
    """One record. `body`: what was hashed, after the hash of the link before."""

    number: int
    attempt_id: int
    revision: int
    body: str
    previous_hash: bytes
    hash: bytes


async def lock_behind(database: Database, on: Connection) -> Head | None:
    """A chain that is behind, locked; None when none is, or others are at them all."""
    row = await database.fetch_row("record_lock", on=on)
    if row is None:
        return None
    return Head(row["account_id"], row["number"], row["hash"], max(row["news_seq"], row["purged_seq"]))


async def begin_chains(database: Database, now_ms: Ms) -> None:
    """For accounts that have none and have had events."""
    await database.execute("record_begin", to_datetime(now_ms))


async def ended_since(
    database: Database, on: Connection, head: Head, *, groups: int, attempts: int
) -> tuple[list[int], int]:
    """Attempts that ended after what is recorded, about `attempts` at most, each once; and up to which event
    that goes."""
    rows = await database.fetch("record_news", head.account_id, head.news_seq, groups, on=on)
    found: dict[int, None] = {}
    upto = head.news_seq
    for row in rows:
        found |= dict.fromkeys(row["attempt_ids"])
        upto = row["seq"]
        if len(found) >= attempts:
            break
    return list(found), upto


async def facts(database: Database, on: Connection, account_id: int, attempt_ids: Sequence[int]) -> list[Row]:
    """Of those that are over, in order of their ids."""
    rows = await database.fetch("record_facts", account_id, list(attempt_ids), on=on) if attempt_ids else []
    return sorted(rows, key=lambda row: row["attempt_id"])


async def add_links(
    database: Database, on: Connection, head: Head, links: Sequence[Link], upto: int, now_ms: Ms
) -> None:
    """The chain goes on with these and is recorded `upto` that event."""
    last = links[-1] if links else None
    await database.execute(
        "record_add",
        head.account_id,
        [link.number for link in links],
        [link.attempt_id for link in links],
        [link.revision for link in links],
        [link.body for link in links],
        [link.previous_hash for link in links],
        [link.hash for link in links],
        head.number if last is None else last.number,
        head.hash if last is None else last.hash,
        upto,
        to_datetime(now_ms),
        on=on,
    )


async def record_of(database: Database, account_id: int, attempt_id: int) -> Row | None:
    """The latest of an attempt."""
    return await database.fetch_row("record_of_attempt", account_id, attempt_id)


async def heads(database: Database, on: Connection, account_ids: Sequence[int] | None) -> list[Row]:
    """The chains; None: of all accounts."""
    return await database.fetch("record_heads", None if account_ids is None else list(account_ids), on=on)


async def links_after(
    database: Database, on: Connection, account_id: int, after: int, limit: int
) -> list[Row]:
    return await database.fetch("record_page", account_id, after, limit, on=on)


async def pending(database: Database, on: Connection, account_id: int) -> set[int]:
    """Attempts of which the chain does not tell the latest yet."""
    rows = await database.fetch("record_pending", account_id, on=on)
    return {row["attempt_id"] for row in rows}


async def missing(database: Database, on: Connection, head: Row, limit: int) -> list[int]:
    """Attempts without the record that they should have."""
    rows = await database.fetch("record_missing", head["account_id"], head["since"], limit, on=on)
    return [row["attempt_id"] for row in rows]
