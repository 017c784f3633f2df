"""The job of a file whose parts are all in: imported as one body would be, and gone on with after a crash.

The last line that is in is kept with each chunk, in its transaction, so that no row counts twice: who goes
on reads the file from the beginning, for the rows that mean one lead, and writes from that line on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from api.imports.opening import open_file
from api.imports.orders import Order
from api.imports.pipeline import Run, column_names, reading_of
from api.imports.reporting import Reporter
from api.imports.workers import ImportWorkers
from api.imports.writing import ChunkWriter
from api.intake import refuse_full_disk
from scheduler.errors import NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.terms import Target, in_batch, terms_of
from scheduler.ledger.database import Connection
from scheduler.ledger.import_parts import PartsToRead, keep_columns, parts_to_read, read_parts
from scheduler.ledger.imports import end_import
from scheduler.services.jobs import JobFailed, Work

KIND = "import"


async def import_parts(flow: Flow, work: Work) -> None:
    """The cursor is the last line that is in. A file that cannot be read fails, with the reason."""
    import_id = work.args["import_id"]
    found = await parts_to_read(flow.database, work.account_id, import_id)
    if found.status == "failed":
        raise JobFailed("the import has failed: it says why")
    if found.status != "processing":
        return
    refuse_full_disk(work.settings)
    crew = ImportWorkers(work.settings.import_workers)
    try:
        await _import(flow, work, import_id, found, crew)
    except (Refused, NotFound) as error:
        trouble = f"{error.what}: {error.why}" if error.why else error.what
        await end_import(
            flow.database,
            import_id,
            "failed",
            bytes_received=0,
            now_ms=work.clock.now_ms(),
            trouble=trouble,
        )
        raise JobFailed(trouble) from error
    finally:
        crew.close()


async def _import(flow: Flow, work: Work, import_id: int, found: PartsToRead, crew: ImportWorkers) -> None:
    """Raises Refused or NotFound before its first row is in; JobOver."""
    order = msgspec.json.decode(found.terms, type=Order)
    clock, settings, database = work.clock, work.settings, flow.database
    target = Target(work.account_id, order.agent_id, found.batch_id, order.on_duplicate, order.cadence_id)
    await terms_of(flow, target)
    chunks = read_parts(database, work.account_id, import_id, found.parts)
    opening = await open_file(chunks, order.layout, settings)
    await keep_columns(database, import_id, list(column_names(opening)))
    target = await in_batch(flow, target)
    reading = reading_of(opening, order.layout, order.priority, order.consent, settings)

    async def unheard(line: dict[str, Any]) -> None:
        """Who sent the parts asks for the import, or listens to events."""

    async def keep(line: int, on: Connection | None) -> None:
        await work.advance(line, cursor={"line": line}, on=on)

    reporter = Reporter(unheard, clock, import_id, found.batch_id, found.size)
    after_line = 0 if work.cursor is None else work.cursor["line"]
    sink = ChunkWriter(flow, target, import_id, reading, reporter, clock, after_line=after_line, keep=keep)
    before = found.rows_before
    await Run(
        flow, sink, reading, opening, clock, settings, reporter, crew, rows_before=before, goes_on=True
    ).to_the_end()
