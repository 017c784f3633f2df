"""Files that come in parts: each part is kept here with its digest until all of them are in and worked on.

The ledger keeps them, not a disk: whichever API is asked takes a part, whichever process is free works on the
file, and a restart of any of them loses nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.imports import end_import
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import Created, Slice

MOST_MISSING = 20
"""Parts that are missing, named in a refusal."""

DROPPED_AT_ONCE = 20
"""Parts deleted by one statement: hundreds of megabytes at most."""


class PartsToRead(msgspec.Struct, frozen=True):
    """An import whose parts are worked on. `terms`: JSON, as it was begun; `rows_before`: what other files
    brought its batch."""

    status: str
    batch_id: int
    terms: str
    size: int
    parts: int
    rows_before: int


async def put_part(
    database: Database, account_id: int, import_id: int, part: int, data: bytes, sha256: bytes, now_ms: Ms
) -> tuple[Row, bool]:
    """Keep a part, in place of an earlier one of that number; answers it, and whether it is a new one.

    Raises Refused (`state-conflict`) unless the import waits for parts; the same part again is fine as long
    as it is kept.
    """
    known = await database.fetch_row("import_part_read", account_id, import_id, part, False)
    if known is not None and known["sha256"] == sha256:
        return known, False
    arguments = (part, len(data), sha256, data, to_datetime(now_ms))
    kept = await database.fetch_row("import_part_put", account_id, import_id, *arguments)
    if kept is None:
        raise _takes_none()
    return kept, known is None


async def parts_page(database: Database, account_id: int, import_id: int, asked: Slice) -> list[Row]:
    """Their numbers, sizes and digests."""
    return await database.fetch("import_part_page", account_id, import_id, *asked.values)


async def count_parts(database: Database, account_id: int, import_id: int, created: Created) -> int:
    return await database.fetch_count("import_part_count", account_id, import_id, created)


async def complete_parts(
    database: Database, on: Connection, account_id: int, import_id: int, parts: int | None
) -> int | None:
    """Lock an import all of whose parts are in; answers its size, or None when it was completed before.

    `parts`: how many there are, where the sender says so. Raises Refused (`state-conflict`) when one is
    missing or the import takes none.
    """
    row = await database.fetch_row("import_part_lock", account_id, import_id, on=on)
    if row is None or not row["in_parts"] or row["status"] in ("failed", "canceled"):
        raise _takes_none()
    if row["status"] != "receiving":
        return None
    found = await database.fetch_row("import_part_sum", account_id, import_id, MOST_MISSING, on=on)
    assert found is not None
    if not found["parts"]:
        raise _incomplete("no part of the file is in")
    if found["missing"]:
        raise _incomplete(f"parts are missing: {', '.join(map(str, found['missing']))}")
    if parts is not None and parts != found["parts"]:
        raise _incomplete(f"{found['parts']} parts are in, and {parts} were announced")
    return int(found["size"])


async def begin_processing(
    database: Database, on: Connection, import_id: int, *, size: int, job_id: int, now_ms: Ms
) -> None:
    """All parts are in and the job works on them; in the transaction of `complete_parts`."""
    await database.execute("import_process", import_id, size, job_id, to_datetime(now_ms), on=on)


async def parts_to_read(database: Database, account_id: int, import_id: int) -> PartsToRead:
    row = await database.fetch_row("import_terms", account_id, import_id)
    assert row is not None
    return PartsToRead(**row)


async def read_parts(database: Database, account_id: int, import_id: int, parts: int) -> AsyncIterator[bytes]:
    """The file, a part at a time."""
    for part in range(1, parts + 1):
        row = await database.fetch_row("import_part_read", account_id, import_id, part, True)
        assert row is not None
        yield row["data"]


async def keep_columns(database: Database, import_id: int, columns: list[str]) -> None:
    """The header is known once work on the parts has begun."""
    await database.execute("import_columns", import_id, columns)


async def end_stale(database: Database, *, before_ms: Ms, now_ms: Ms) -> int:
    """End imports whose parts nobody completed since `before_ms`, and those whose job is over without them;
    answers how many."""
    ended = 0
    async with database.transaction() as on:
        for row in await database.fetch("import_stale", to_datetime(before_ms), on=on):
            status = "canceled" if row["job_status"] == "canceled" else "failed"
            trouble = row["error"] or "not all parts came in time"
            was = await end_import(
                database,
                row["import_id"],
                status,
                bytes_received=row["bytes"],
                now_ms=now_ms,
                trouble=None if status == "canceled" else trouble,
                on=on,
            )
            ended += was is not None
    return ended


async def drop_parts(database: Database) -> None:
    """Delete the parts of files that are over."""
    while await database.fetch("import_part_drop", DROPPED_AT_ONCE):
        continue


def _takes_none() -> Refused:
    return Refused(
        "state-conflict",
        "the import takes no parts",
        "it was begun as one body, all its parts are in, or it is over",
        "begin one with POST /v1/imports?parts=true",
    )


def _incomplete(what: str) -> Refused:
    return Refused("state-conflict", what, "parts are numbered from 1 without a gap", "send them, then again")
