"""Tickets for event streams, for readers that can send no header: `tkt_<account>_<secret>`."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from api.instants import utc_ms
from api.problems import Problem
from api.schemas_events import StreamTicket
from scheduler.clock import Clock
from scheduler.domain.time import MINUTE, Ms
from scheduler.ledger.database import Database
from scheduler.ledger.stream_tickets import keep_ticket, use_ticket
from scheduler.public_ids import PublicIds

if TYPE_CHECKING:
    from api.auth import Caller, KeyRing

GOOD_MS: Ms = MINUTE


async def make_ticket(database: Database, ids: PublicIds, clock: Clock, caller: Caller) -> StreamTicket:
    """The caller's, for one use within a minute. Raises ServerUnavailable."""
    secret = secrets.token_urlsafe(32)
    wall_ms = clock.wall_ms()
    await keep_ticket(
        database,
        caller.account_id,
        _hash(secret),
        caller.key_id,
        expires_at_ms=wall_ms + GOOD_MS,
        wall_ms=wall_ms,
    )
    account = ids.write("acc", caller.account_id).partition("_")[2]
    return StreamTicket(f"tkt_{account}_{secret}", "stream_ticket", utc_ms(wall_ms + GOOD_MS) or "")


async def caller_with_ticket(
    database: Database, ids: PublicIds, clock: Clock, keys: KeyRing, ticket: str
) -> Caller:
    """Use it up. Raises Problem 401 unless it is good, and the key that asked for it still holds."""
    mark, _, rest = ticket.partition("_")
    account, _, secret = rest.partition("_")
    account_id = ids.read("acc", f"acc_{account}")
    key_id = None
    if mark == "tkt" and account_id is not None:
        key_id = await use_ticket(database, account_id, _hash(secret), wall_ms=clock.wall_ms())
    if key_id is None:
        raise Problem(
            "unauthenticated",
            "the ticket is unknown, was used or is older than a minute",
            hint="POST /v1/stream-tickets gives a new one",
        )
    return await keys.caller_of_key(key_id)


def _hash(secret: str) -> bytes:
    """It is random and lives for a minute: a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()
