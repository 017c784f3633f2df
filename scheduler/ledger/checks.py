"""What a ledger's server says about itself, for `doctor`."""

from __future__ import annotations

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_ms


class LedgerFacts(msgspec.Struct, frozen=True):
    """`durable`: what was committed survives a crash of the server's machine."""

    version: str
    now_ms: Ms
    durable: bool


async def ledger_facts(database: Database) -> LedgerFacts:
    row = await database.fetch_row("check_server")
    if row is None:
        raise ServerUnavailable("Postgres does not answer", "it returned no row", "check the server")
    return LedgerFacts(row["version"], to_ms(row["now"]), row["durable"])
