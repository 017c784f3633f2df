"""Imports: a file of leads in, its rows' fate out."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

import msgspec
from aiohttp import web

from api import schemas, views
from api.routing import Call, Reply, route
from scheduler.ledger import reads
from scheduler.ledger.database import Row

NDJSON = "application/x-ndjson"


class RejectedRow(msgspec.Struct, omit_defaults=True):
    """One line of the NDJSON form: `cells` by column as they came."""

    row: int
    code: str
    detail: str
    column: str | None
    cells: dict[str, str]


@route("GET", "/v1/imports/{id}", scope="read")
async def show_import(call: Call) -> Reply[schemas.Import]:
    """What became of a file; its totals add up to its rows."""
    row = await reads.import_(call.deps.flow.database, call.account_id, call.id("imp"))
    return Reply(views.import_(row, call.ids))


@route("GET", "/v1/imports/{id}/errors", scope="read")
async def show_errors(call: Call, query: schemas.ErrorsQuery) -> web.StreamResponse:
    """The rows that did not come in, as they came, with `_row,_code,_detail`: mend them and send them again."""
    database = call.deps.flow.database
    row = await reads.import_(database, call.account_id, call.id("imp"))
    asked = query.format or ("ndjson" if NDJSON in call.request.headers.get("Accept", "") else "csv")
    rejects = reads.import_rejects(database, call.account_id, row["import_id"])
    lines = _ndjson(row["columns"], rejects) if asked == "ndjson" else _csv(row["columns"], rejects)
    response = web.StreamResponse(
        headers={
            "Content-Type": NDJSON if asked == "ndjson" else "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{call.ids.write("imp", row["import_id"])}.errors.{asked}"',
        }
    )
    await response.prepare(call.request)
    async for line in lines:
        await response.write(line)
    await response.write_eof()
    return response


async def _csv(columns: Sequence[str], rejects: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    yield _line([*columns, "_row", "_code", "_detail"])
    async for row in rejects:
        cells = msgspec.json.decode(row["cells"], type=list[str])
        width = max(len(columns), 0)
        yield _line([*(cells + [""] * width)[:width], row["row"], row["code"], row["detail"]])


async def _ndjson(columns: Sequence[str], rejects: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    async for row in rejects:
        cells = msgspec.json.decode(row["cells"], type=list[str])
        said = RejectedRow(
            row["row"], row["code"], row["detail"], row["column"], dict(zip(columns, cells, strict=False))
        )
        yield msgspec.json.encode(said) + b"\n"


def _line(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


ROUTES = (show_import, show_errors)
