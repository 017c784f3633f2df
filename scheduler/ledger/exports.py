"""Exports in the ledger: files in compressed parts, each written with the place where its job goes on."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping, Sequence

from scheduler.domain.time import Ms
from scheduler.errors import NotFound, Refused
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import ONE, Created, Slice

LEVEL = 1
"""Of zlib: text like this gets six times smaller at the speed of writing it."""


async def create_export(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    number: int,
    job_id: int,
    kind: str,
    format_: str,
    filter_: str,
    name: str,
    now_ms: Ms,
    kept_ms: Ms,
    most: int,
) -> None:
    """Raises Refused (`state-conflict`) when the account keeps `most` already."""
    row = await database.fetch_row(
        "export_create",
        account_id,
        number,
        job_id,
        kind,
        format_,
        filter_,
        name,
        to_datetime(now_ms),
        to_datetime(now_ms + kept_ms),
        most,
        on=on,
    )
    if row is None:
        raise Refused("state-conflict", f"{most} files are kept already", do="wait until the oldest expires")


async def next_number(database: Database, on: Connection, account_id: int) -> tuple[int, bool]:
    """For an export to come: its job names it. And whether what it holds is simulated."""
    row = await database.fetch_row("export_number", account_id, on=on)
    assert row is not None
    return int(row["number"]), bool(row["simulated"])


async def exports(database: Database, account_id: int, asked: Slice, *, now_ms: Ms) -> list[Row]:
    """A page of those that are kept."""
    values = (account_id, None, *asked.values, to_datetime(now_ms))
    return await database.fetch("export_page", *values)


async def export(database: Database, account_id: int, number: int, now_ms: Ms) -> Row:
    """Raises NotFound; for one that has expired as well."""
    values = (account_id, [number], *ONE.values, to_datetime(now_ms))
    row = await database.fetch_row("export_page", *values)
    if row is None:
        raise NotFound("no such export")
    return row


async def count_exports(database: Database, account_id: int, created: Created, *, now_ms: Ms) -> int:
    return await database.fetch_count("export_count", account_id, to_datetime(now_ms), created)


async def add_part(
    database: Database,
    on: Connection,
    *,
    account_id: int,
    number: int,
    part: int,
    body: bytes,
    rows: int,
    now_ms: Ms,
) -> bool:
    """The next part of the file; False when it is gone."""
    packed = zlib.compress(body, LEVEL)
    row = await database.fetch_row(
        "export_add", account_id, number, part, packed, rows, len(body), to_datetime(now_ms), on=on
    )
    return row is not None


async def read_parts(database: Database, account_id: int, number: int, parts: int) -> AsyncIterator[bytes]:
    """The file, one part in memory at a time. Raises NotFound when it goes meanwhile."""
    for part in range(1, parts + 1):
        row = await database.fetch_row("export_part", account_id, number, part)
        if row is None:
            raise NotFound("no such export")
        yield zlib.decompress(row["body"])


async def purge_exports(database: Database, now_ms: Ms, *, most: int) -> int:
    """Forget what was kept long enough; answers how many files went."""
    return len(await database.fetch("export_purge", to_datetime(now_ms), most))


async def owned(
    database: Database, account_id: int, named: Mapping[str, Sequence[int]]
) -> dict[str, set[int]]:
    """Of the numbers under `lead_id`, `loop_id`, `agent_id`, `batch_id` and `cadence_id` those that are the
    account's."""
    names = ("lead_id", "loop_id", "agent_id", "batch_id", "cadence_id")
    row = await database.fetch_row("export_owned", account_id, *(list(named.get(name, ())) for name in names))
    assert row is not None
    return {name: set(row[name]) for name in names}
