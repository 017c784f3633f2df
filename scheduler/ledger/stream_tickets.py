"""Tickets in the ledger: each opens one event stream, once, in any process."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime


async def keep_ticket(
    database: Database,
    account_id: int,
    ticket_hash: bytes,
    key_id: str,
    *,
    expires_at_ms: Ms,
    wall_ms: Ms,
) -> None:
    """Times are wall time, as those of keys. The account's expired ones go."""
    await database.execute(
        "stream_ticket_keep",
        account_id,
        ticket_hash,
        key_id,
        to_datetime(expires_at_ms),
        to_datetime(wall_ms),
    )


async def use_ticket(database: Database, account_id: int, ticket_hash: bytes, *, wall_ms: Ms) -> str | None:
    """The key that asked for it; None for one that is unknown, used or too old."""
    row = await database.fetch_row("stream_ticket_use", account_id, ticket_hash, to_datetime(wall_ms))
    return None if row is None else row["key_id"]
