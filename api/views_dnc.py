"""Rows of numbers that are never called, as the API shows them."""

from __future__ import annotations

from api.instants import utc
from api.schemas_dnc import DncEntry
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds


def entry(row: Row, ids: PublicIds) -> DncEntry:
    return DncEntry(
        id=ids.write("dnc", row["suppression_id"]),
        object="dnc_entry",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        phone=row["phone"],
        reason=row["reason"],
        source=row["source"],
        own_word=not row["listed"],
        list_ids=[ids.write("dnl", list_id) for list_id in row["lists"]],
    )
