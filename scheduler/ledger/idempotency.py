"""Replies kept by the caller's own key, so that a request sent twice is done once.

Instants here are wall time: a Clock that runs a day in a minute must not forget what was promised for 72
hours.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from scheduler.domain.time import HOUR, SECOND, Ms
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime

KEPT_MS: Ms = 72 * HOUR
TOUCH_MS: Ms = 15 * SECOND
"""How often a request under way says so."""

ABANDONED_MS: Ms = 4 * TOUCH_MS
"""A request that has been silent for this long was lost with its process; the same one may begin anew."""


class StoredReply(msgspec.Struct, frozen=True):
    """What was answered, as it is answered again."""

    status: int
    headers: dict[str, str]
    body: bytes


class Begin(Enum):
    """What came of asking for a key."""

    BEGUN = "begun"
    IN_PROGRESS = "in progress"
    REUSED = "reused"


async def begin(
    database: Database, account_id: int, key: str, request_hash: bytes, wall_ms: Ms
) -> Begin | StoredReply:
    """Take the key for this request, or say who has it: the same request, another one, or a reply."""
    taken = await database.fetch_row(
        "idempotency_begin",
        account_id,
        key,
        request_hash,
        to_datetime(wall_ms),
        to_datetime(wall_ms - KEPT_MS),
        to_datetime(wall_ms - ABANDONED_MS),
    )
    if taken is not None:
        return Begin.BEGUN
    found = await database.fetch_row("idempotency_find", account_id, key)
    if found is None:  # given up between the two statements: the caller may try at once
        return Begin.IN_PROGRESS
    if found["request_hash"] != request_hash:
        return Begin.REUSED
    if found["status"] is None:
        return Begin.IN_PROGRESS
    return msgspec.msgpack.decode(found["body"], type=StoredReply)


async def touch(database: Database, account_id: int, key: str, wall_ms: Ms) -> None:
    await database.execute("idempotency_touch", account_id, key, to_datetime(wall_ms))


async def finish(database: Database, account_id: int, key: str, reply: StoredReply, wall_ms: Ms) -> None:
    await database.execute(
        "idempotency_finish",
        account_id,
        key,
        reply.status,
        msgspec.msgpack.encode(reply),
        to_datetime(wall_ms),
    )


async def forget(database: Database, account_id: int, key: str) -> None:
    await database.execute("idempotency_forget", account_id, key)


async def purge(database: Database, wall_ms: Ms) -> None:
    """Drop the replies that were kept long enough."""
    await database.execute("idempotency_purge", to_datetime(wall_ms - KEPT_MS))
