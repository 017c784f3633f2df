"""What a ledger's server says about itself, for `doctor`."""

from __future__ import annotations

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable, StartError
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_ms


class LedgerFacts(msgspec.Struct, frozen=True):
    """`durable`: what was committed survives a crash of the server's machine. `waits`: a commit is answered
    only when it is on disk."""

    version: str
    now_ms: Ms
    durable: bool
    waits: bool


async def ledger_facts(database: Database) -> LedgerFacts:
    row = await database.fetch_row("check_server")
    if row is None:
        raise ServerUnavailable("Postgres does not answer", "it returned no row", "check the server")
    return LedgerFacts(row["version"], to_ms(row["now"]), row["durable"], row["waits"])


async def refuse_forgetful(database: Database) -> None:
    """Raise StartError when commits of these connections are answered before they are on disk."""
    if not (await ledger_facts(database)).waits:
        raise StartError(
            "Postgres answers before it has written",
            "synchronous_commit is off though we ask for it (a pooler in between may drop that): a permit "
            "could be forgotten in a crash, and a phone rung twice",
            "set it on for this user: ALTER ROLE … SET synchronous_commit = on",
        )
