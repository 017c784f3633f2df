"""Imports: a file of leads in, its rows' fate out."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from aiohttp import web

from api import requests, schemas, views
from api.decoding import decode_query
from api.idempotency import KeptStream
from api.imports.pipeline import ImportTotals, Layout, run_import
from api.imports.workers import ImportWorkers
from api.problems import FieldError, Problem
from api.routes.batches import check_start, start_bounds
from api.routing import Call, Reply, query_values, route
from scheduler.domain.model import Priority
from scheduler.domain.time import Ms
from scheduler.errors import NotFound, ServerUnavailable
from scheduler.flow.throttle import Throttle
from scheduler.ledger import cadences, reads
from scheduler.ledger.database import Row

WORKERS = web.AppKey("import_workers", ImportWorkers)
"""The processes that read files, shared by all imports of an app."""

NDJSON = "application/x-ndjson"
FORMATS = {
    "text/csv": "csv",
    NDJSON: "ndjson",
    "application/jsonl": "ndjson",
    "text/plain": None,
    "application/gzip": None,
    "application/octet-stream": None,
}
"""Types of a body that is a file, and what it is; None: told from its first line."""

IDLE_S = 60.0
"""A sender that is silent for so long has left; what came whole is imported."""

UNHEARD_S = 30.0
"""A sender that does not read its lines for so long gets no more of them; the import goes on."""


class RejectedRow(msgspec.Struct, omit_defaults=True):
    """One line of the NDJSON form: `cells` by column as they came."""

    row: int
    code: str
    detail: str
    column: str | None
    cells: dict[str, str]


@route("POST", "/v1/imports", scope="leads:write", streams=True)
async def receive(call: Call) -> web.StreamResponse:
    """Take in a file of leads, CSV or NDJSON, while it arrives; bad rows never stop good ones.

    202 with the import once all rows are in; with `Accept: application/x-ndjson` a line for each thing that
    happens while they come.
    """
    query, mapping = _query(call.request)
    throttle = _throttle(query, call.deps.clock.now_ms())
    format_ = _format(call.request)
    agent_id, batch, cadence_id = await _target(call, query)
    live = KeptStream(headers={"Content-Type": NDJSON}) if _wants_lines(call.request) else None

    async def report(line: dict[str, Any]) -> None:
        if live is None:
            return
        if not live.prepared:
            await live.prepare(call.request)
        live.kept = msgspec.json.encode(_public(line, call)) + b"\n"
        async with asyncio.timeout(UNHEARD_S):
            await live.write(live.kept)

    try:
        with call.deps.intake.file():
            totals = await run_import(
                call.deps.flow,
                account_id=call.account_id,
                agent_id=agent_id,
                batch=batch,
                chunks=_chunks(call.request),
                clock=call.deps.clock,
                settings=call.deps.settings,
                report=report,
                priority=Priority(query.priority),
                consent=query.consent,
                throttle=throttle,
                on_duplicate=query.on_duplicate,
                cadence_id=cadence_id,
                layout=Layout(format_, query.delimiter, mapping, query.region),
                size_bytes=call.request.content_length,
                workers=call.request.app[WORKERS],
            )
    except NotFound:
        raise _bad("agent_id", "not-found", "no such agent in this account") from None
    call.deps.metrics.ingested(totals.rows)
    if live is not None:
        return live  # its end is written by the server, after the reply was kept for replays
    return await _accepted(call, totals)


@route("GET", "/v1/imports/{id}", scope="read")
async def show_import(call: Call) -> Reply[schemas.Import]:
    """What became of a file; its totals add up to its rows."""
    row = await reads.import_(call.deps.flow.database, call.account_id, call.id("imp"))
    return Reply(views.import_(row, call.ids))


@route("GET", "/v1/imports/{id}/errors", scope="read")
async def show_errors(call: Call, query: requests.ErrorsQuery) -> web.StreamResponse:
    """The rows that did not come in, as they came, with `_row,_code,_detail`: mend them, send them again."""
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


def _query(request: web.Request) -> tuple[requests.ImportQuery, dict[str, str]]:
    """The parameters, and the columns that `map.<column>=<field>` names."""
    values = query_values(request)
    mapping = {
        name.removeprefix("map."): values.pop(name)[-1] for name in list(values) if name.startswith("map.")
    }
    return decode_query(values, requests.ImportQuery), mapping


def _format(request: web.Request) -> str | None:
    if request.content_type not in FORMATS or (request.charset or "utf-8").lower() not in (
        "utf-8",
        "us-ascii",
    ):
        raise Problem(
            "unsupported-media-type", "send text/csv or application/x-ndjson in UTF-8, gzip if you like"
        )
    if request.headers.get("Content-Encoding", "identity").lower() not in ("identity", "gzip"):
        raise Problem("unsupported-media-type", "the only Content-Encoding of a file is gzip")
    if not request.body_exists:
        raise Problem("malformed-body", "the file is empty", hint="send the file as the body")
    return FORMATS[request.content_type]


def _throttle(query: requests.ImportQuery, now_ms: Ms) -> Throttle:
    """What the parameters state of the batch's pace."""
    check_start(query.start_at, now_ms, _bad("start_at", "out-of-range", start_bounds(now_ms)))
    return Throttle(query.max_per_min, query.max_concurrent, query.start_at, query.spread_over_s)


async def _target(call: Call, query: requests.ImportQuery) -> tuple[int, str, int | None]:
    """The agent, the name of the batch, and the cadence; a batch that exists brings its agent."""
    cadence_id = None if query.cadence_id is None else await _cadence(call, query.cadence_id)
    agent_id = None if query.agent_id is None else call.ids.read("agt", query.agent_id)
    if query.agent_id is not None and agent_id is None:
        raise _bad("agent_id", "not-found", "no such agent in this account")
    if query.batch_id is not None:
        batch_id = call.ids.read("bat", query.batch_id)
        try:
            batch = await reads.batch_head(call.deps.flow.database, call.account_id, batch_id or 0)
        except NotFound:
            raise _bad("batch_id", "not-found", "no such batch in this account") from None
        return agent_id or batch["agent_id"], batch["name"], cadence_id
    if query.name is None:
        raise _bad("name", "required", "name the batch, or give its batch_id")
    if agent_id is None:
        raise _bad("agent_id", "required", "say which agent calls these leads")
    return agent_id, query.name, cadence_id


async def _cadence(call: Call, said: str) -> int:
    cadence_id = call.ids.read("cad", said)
    known = cadence_id and await cadences.current(call.deps.flow.database, call.account_id, cadence_id)
    if not cadence_id or not known:
        raise _bad("cadence_id", "not-found", "no such cadence in this account")
    return cadence_id


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TimeoutError when nothing does."""
    while True:
        async with asyncio.timeout(IDLE_S):
            chunk = await request.content.readany()
        if not chunk:
            return
        yield chunk


def _wants_lines(request: web.Request) -> bool:
    return NDJSON in request.headers.get("Accept", "")


def _public(line: dict[str, Any], call: Call) -> dict[str, Any]:
    """A line with public ids."""
    for name, prefix in (("import_id", "imp"), ("batch_id", "bat")):
        if name in line:
            line = {**line, name: call.ids.write(prefix, line[name])}
    return line


async def _accepted(call: Call, totals: ImportTotals) -> web.StreamResponse:
    try:
        row = await reads.import_(call.deps.flow.database, call.account_id, totals.import_id)
    except ServerUnavailable as error:
        if totals.resume_row is None:
            raise
        raise Problem(
            "dependency-down",
            f"{error.what}; the rows before line {totals.resume_row} are in",
            hint=f"send the file again from line {totals.resume_row}, or whole: rows that are in add nothing",
        ) from error
    shown = views.import_(row, call.ids)
    return web.Response(
        status=202,
        body=msgspec.json.encode(shown),
        content_type="application/json",
        headers={"Location": f"/v1/imports/{shown.id}"},
    )


def _bad(parameter: str, code: str, detail: str) -> Problem:
    return Problem("validation-failed", detail, errors=(FieldError(code, detail, parameter=parameter),))


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


ROUTES = (receive, show_import, show_errors)
