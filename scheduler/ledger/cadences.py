"""Cadences in the ledger: drafts that people edit, and immutable versions that loops run.

What is stored is a CadenceForm. Where a rule or the end names another cadence, its number stands as text.
"""

from __future__ import annotations

from collections.abc import Collection

from scheduler.ledger.database import Connection, Database


async def versions(
    database: Database, wanted: Collection[tuple[int, int]], on: Connection | None = None
) -> dict[tuple[int, int], bytes]:
    """The CadenceForm, as JSON, of each (cadence_id, version) that exists."""
    if not wanted:
        return {}
    numbers, versions = zip(*wanted, strict=True)
    rows = await database.fetch("cadence_versions", list(numbers), list(versions), on=on)
    return {(row["cadence_id"], row["version"]): row["content"].encode() for row in rows}


async def current(
    database: Database, account_id: int, cadence_id: int, on: Connection | None = None
) -> tuple[str, int | None] | None:
    """Status and latest version (None: never published); None when the account has no such cadence."""
    row = await database.fetch_row("cadence_current", account_id, cadence_id, on=on)
    return None if row is None else (row["status"], row["version"])
