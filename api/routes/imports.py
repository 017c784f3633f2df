"""Imports: a file of leads in, its rows' fate out."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from api.arriving import chunks_of
from api.contact_filters import ids_of
from api.editing import editing
from api.idempotency import KeptStream
from api.import_orders import FORMATS, NDJSON, bad, read_format, read_order, read_query
from api.imports.orders import Order
from api.imports.pipeline import ImportTotals, run_import
from api.imports.rehearsing import Consequences, rehearse_import
from api.imports.workers import ImportWorkers
from api.instants import utc_ms
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import Problem
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_imports import (
    ErrorsQuery,
    Import,
    ImportImpact,
    ImportQuery,
    ImportRehearsal,
    ImportsQuery,
    RowFault,
)
from api.spreadsheets import as_text
from api.views_imports import COUNTS, import_
from scheduler.errors import NotFound, Refused, ServerUnavailable
from scheduler.flow.batches import follow_throttle
from scheduler.flow.terms import Target, terms_of
from scheduler.flow.throttle import NO_THROTTLE, read_throttle
from scheduler.ledger import jobs, reads
from scheduler.ledger.database import Row
from scheduler.ledger.imports import (
    ImportFilter,
    begin_import,
    count_imports,
    end_import,
    page_of_imports,
)

WORKERS = web.AppKey("import_workers", ImportWorkers)
"""The processes that read files, shared by all imports of an app."""

UNHEARD_S = 30.0
"""A sender that does not read its lines for so long gets no more of them; the import goes on."""


class RejectedRow(msgspec.Struct, omit_defaults=True):
    """One line of the NDJSON form: `cells` by column as they came."""

    row: int
    code: str
    detail: str
    column: str | None
    cells: dict[str, str]


@route(
    "POST",
    "/v1/imports",
    scope="leads:write",
    streams=True,
    query=ImportQuery,
    answers=(200, 201, 202),
    takes=tuple(FORMATS),
    gives=("application/json", NDJSON),
)
async def receive(call: Call) -> web.StreamResponse:
    """Take in a file of leads, CSV or NDJSON, while it arrives; bad rows never stop good ones.

    202 with the import once all rows are in; with `Accept: application/x-ndjson` a line for each thing that
    happens while they come. With `parts=true` and no body 201 and an import that waits for its parts; with
    `dry_run=true` nothing is kept, and 200 says how the file would come in. Columns go by their usual names;
    a parameter `map.<column>=<field>` for each other one names a field, `variables.<name>` or `ignore`.
    """
    query, mapping = read_query(call.request)
    if query.parts:
        return await _begin_parts(call, query, mapping)
    order = await read_order(call, query, mapping, read_format(call.request))
    live = KeptStream(headers={"Content-Type": NDJSON}) if _wants_lines(call.request) else None
    faults: list[RowFault] = []
    foreseen = Consequences()

    async def report(line: dict[str, Any]) -> None:
        if live is None:
            if line["t"] == "error" and len(faults) < call.deps.settings.import_errors_shown:
                faults.append(msgspec.convert(line, RowFault))
            return
        if not live.prepared:
            await live.prepare(call.request)
        if query.dry_run and line["t"] == "done":
            line = {**line, "impact": _impact(foreseen)}
        live.kept = msgspec.json.encode(_public(line, call)) + b"\n"
        async with asyncio.timeout(UNHEARD_S):
            await live.write(live.kept)

    options: dict[str, Any] = {
        "account_id": call.account_id,
        "chunks": chunks_of(call.request, call.deps.settings.import_least_bytes_per_s),
        "clock": call.deps.clock,
        "settings": call.deps.settings,
        "report": report,
        "size_bytes": call.request.content_length,
        "workers": call.request.app[WORKERS],
        **msgspec.structs.asdict(order),
    }
    try:
        with call.deps.intake.file(call.account_id):
            if query.dry_run:
                totals = await rehearse_import(call.deps.flow, foreseen=foreseen, **options)
            else:
                totals = await run_import(call.deps.flow, actor=call.actor, **options)
                call.deps.metrics.ingested(totals.rows)
    except NotFound:
        raise bad("agent_id", "not-found", "no such agent in this account") from None
    except (TimeoutError, web.RequestPayloadError):
        raise Problem("malformed-body", "the file broke off before its first row") from None
    if live is not None:
        return live  # its end is written by the server, after the reply was kept for replays
    if query.dry_run:
        return _json(_rehearsed(call, totals, foreseen, faults), 200)
    return await _accepted(call, totals)


@route("GET", "/v1/imports", scope="read")
async def list_imports(call: Call, query: ImportsQuery) -> Reply[Page[Import]]:
    """Imports, newest first unless `order=asc`; by status, batch and when they were begun."""
    database, now_ms = call.deps.flow.database, call.deps.clock.now_ms()
    batches = ids_of(call.ids, "bat", query.batch_id)
    narrow = ImportFilter(None if query.status is None else [str(one) for one in query.status], batches)
    rows = await page_of_imports(
        database,
        call.account_id,
        slice_of(call, query),
        narrow,
    )
    shown = [import_(row, call.ids, now_ms) for row in rows]
    count = partial(count_imports, database, call.account_id, narrow)
    return await listed(call, query, shown, [row["import_id"] for row in rows], count)


@route("GET", "/v1/imports/{id}", scope="read")
async def show_import(call: Call) -> Reply[Import]:
    """What became of a file; its totals add up to its rows."""
    return Reply(await shown_import(call, call.id("imp")))


@route("POST", "/v1/imports/{id}/cancel", scope="leads:write")
async def cancel(call: Call) -> Reply[Import]:
    """Stop an import; from the answer on nothing more of it comes in, and what is in stays.

    Again changes nothing; 409 for one that is done or has failed.
    """
    database, import_id = call.deps.flow.database, call.id("imp")
    row = await reads.import_(database, call.account_id, import_id)
    async with editing(call) as edit:
        was = await end_import(
            database, import_id, "canceled", bytes_received=row["bytes"], now_ms=edit.now_ms, on=edit.on
        )
        if was is not None:
            if was["job_id"] is not None:
                with suppress(Refused):  # it is over already
                    await jobs.cancel_job(database, edit.on, call.account_id, was["job_id"], edit.now_ms)
            await edit.tell(
                "import_canceled",
                f"import:{import_id}",
                {"status": was["status"]},
                {"status": "canceled"},
            )
    shown = await shown_import(call, import_id)
    if shown.status != "canceled":
        raise Problem("state-conflict", f"the import is {shown.status}", hint="what is in can be removed")
    return Reply(shown)


@route("GET", "/v1/imports/{id}/errors", scope="read")
async def show_errors(call: Call, query: ErrorsQuery) -> web.StreamResponse:
    """The rows that did not come in, as they came, with `_row,_code,_detail`: mend them, send them again.

    In CSV a cell that a spreadsheet would run has a ' before it, which an import leaves out again.
    """
    database = call.deps.flow.database
    row = await reads.import_(database, call.account_id, call.id("imp"))
    asked = query.format or ("ndjson" if NDJSON in call.request.headers.get("Accept", "") else "csv")
    rejects = reads.import_rejects(database, call.account_id, row["import_id"])
    lines = _ndjson(row["columns"], rejects) if asked == "ndjson" else _csv(row["columns"], rejects)
    name = f"{call.ids.write('imp', row['import_id'])}.errors.{asked}"
    response = web.StreamResponse(
        headers={
            "Content-Type": NDJSON if asked == "ndjson" else "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        }
    )
    if call.request.method == "HEAD":
        return response
    await response.prepare(call.request)
    async for line in lines:
        await response.write(line)
    await response.write_eof()
    return response


async def shown_import(call: Call, import_id: int) -> Import:
    """Raises NotFound."""
    row = await reads.import_(call.deps.flow.database, call.account_id, import_id)
    return import_(row, call.ids, call.deps.clock.now_ms())


async def _begin_parts(call: Call, query: ImportQuery, mapping: dict[str, str]) -> web.StreamResponse:
    """Nothing is read yet: what the parts are is told from their first line."""
    if query.dry_run:
        raise bad("dry_run", "invalid", "a file in parts cannot be rehearsed: send it as one body")
    if call.request.body_exists and await call.request.content.readany():
        raise Problem("malformed-body", "an import in parts begins without a body")
    order = await read_order(call, query, mapping, None)
    import_id = await _begin(call, order)
    shown = await shown_import(call, import_id)
    return _json(shown, 201)


async def _begin(call: Call, order: Order) -> int:
    """Open the import and its batch, whose pace holds from now on."""
    flow, now_ms = call.deps.flow, call.deps.clock.now_ms()
    try:
        await terms_of(flow, Target(call.account_id, order.agent_id, 0, order.on_duplicate, order.cadence_id))
    except NotFound:
        raise bad("agent_id", "not-found", "no such agent in this account") from None
    begun = await begin_import(
        flow.database,
        account_id=call.account_id,
        agent_id=order.agent_id,
        batch=order.batch,
        priority=order.priority.value,
        throttle=msgspec.json.encode(order.throttle).decode(),
        columns=(),
        now_ms=now_ms,
        cadence_id=order.cadence_id,
        terms=msgspec.json.encode(order).decode(),
        actor=call.actor,
    )
    if order.throttle != NO_THROTTLE:
        before, after = read_throttle(begun.throttle_before), read_throttle(begun.throttle)
        await follow_throttle(flow, begun.batch_id, order.agent_id, before, after, now_ms)
    return begun.import_id


def _wants_lines(request: web.Request) -> bool:
    return NDJSON in request.headers.get("Accept", "")


_PREFIXES = {"import_id": "imp", "batch_id": "bat"}


def _public(line: dict[str, Any], call: Call) -> dict[str, Any]:
    """A line with public ids."""
    return {
        name: call.ids.write_or_none(_PREFIXES[name], value) if name in _PREFIXES else value
        for name, value in line.items()
    }


async def _accepted(call: Call, totals: ImportTotals) -> web.StreamResponse:
    assert totals.import_id is not None
    try:
        shown = await shown_import(call, totals.import_id)
    except ServerUnavailable as error:
        if totals.resume_row is None:
            raise
        raise Problem(
            "dependency-down",
            f"{error.what}; the rows before line {totals.resume_row} are in",
            hint=f"send the file again from line {totals.resume_row}, or whole: rows that are in add nothing",
        ) from error
    return _json(shown, 202)


def _rehearsed(
    call: Call, totals: ImportTotals, found: Consequences, faults: list[RowFault]
) -> ImportRehearsal:
    names = ("bytes", "rows", *COUNTS, "rows_per_s", "codes", "trouble", "resume_row")
    return ImportRehearsal(
        object="import_rehearsal",
        status="done" if totals.status == "done" else "failed",
        batch_id=call.ids.write_or_none("bat", totals.batch_id),
        errors=faults,
        impact=_impact(found),
        **{name: getattr(totals, name) for name in names},
    )


def _impact(found: Consequences) -> ImportImpact:
    first_at, last_at = utc_ms(found.first_touch_ms), utc_ms(found.last_touch_ms)
    return ImportImpact(found.loops_started, first_at, last_at, dict(sorted(found.zones.items())))


def _json(shown: Import | ImportRehearsal, status: int) -> web.Response:
    headers = {}
    if isinstance(shown, Import):
        headers = {"Location": f"/v1/imports/{shown.id}", **tagged(shown)}
    body = msgspec.json.encode(shown)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def _csv(columns: Sequence[str], rejects: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    yield _line([*map(as_text, columns), "_row", "_code", "_detail"])
    async for row in rejects:
        cells = [as_text(cell) for cell in msgspec.json.decode(row["cells"], type=list[str])]
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


ROUTES = (receive, list_imports, show_import, show_errors, cancel)
