"""Files that come in parts: kept as they come, in any order, imported when all are in."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial

import msgspec
from aiohttp import web

from api.decoding import decode_query
from api.editing import editing
from api.import_orders import bad
from api.imports.parts import KIND
from api.intake import refuse_full_disk
from api.paging import listed, slice_of
from api.problems import Problem
from api.requests import ListQuery
from api.routes.imports import shown_import
from api.routing import BODY_WITHIN_S, Call, NoQuery, Reply, query_values, route
from api.schemas import Page
from api.schemas_imports import CompleteIn, Import, ImportPart
from api.views_imports import part as shown_part
from scheduler.ledger import reads
from scheduler.ledger.import_parts import (
    begin_processing,
    complete_parts,
    count_parts,
    parts_page,
    put_part,
)
from scheduler.ledger.jobs import create_job

BYTES = "application/octet-stream"


@route(
    "PUT",
    "/v1/imports/{id}/parts/{part:[0-9]+}",
    scope="leads:write",
    streams=True,
    answers=(200, 201),
    takes=(BYTES, "text/csv", "application/x-ndjson", "application/gzip"),
    gives=("application/json",),
)
async def put(call: Call) -> web.StreamResponse:
    """Send a part of a file, numbered from 1, in any order; its bytes are kept as they are.

    The same part again changes nothing, other bytes take its place until the import is completed. The answer
    has their SHA-256, as its `ETag` too. Parts may be cut anywhere, also of a file that is packed by gzip.
    """
    decode_query(query_values(call.request), NoQuery)
    import_id, settings = call.id("imp"), call.deps.settings
    number = int(call.request.match_info["part"][:9])
    if not 1 <= number <= settings.import_parts:
        raise bad("part", "out-of-range", f"parts are numbered from 1 to {settings.import_parts}")
    refuse_full_disk(settings)
    database = call.deps.flow.database
    await reads.import_(database, call.account_id, import_id)
    with call.deps.intake.file(call.account_id):
        data = await _read(call.request, settings.import_part_max)
        digest = hashlib.sha256(data).digest()
        now_ms = call.deps.clock.now_ms()
        row, made = await put_part(database, call.account_id, import_id, number, data, digest, now_ms)
    shown = shown_part(row, call.ids)
    return web.Response(
        body=msgspec.json.encode(shown),
        content_type="application/json",
        status=201 if made else 200,
        headers={"ETag": f'"{shown.sha256}"'},
    )


@route("GET", "/v1/imports/{id}/parts", scope="read")
async def list_parts(call: Call, query: ListQuery) -> Reply[Page[ImportPart]]:
    """The parts that are in, by number; once the import is over they are deleted."""
    database, import_id = call.deps.flow.database, call.id("imp")
    await reads.import_(database, call.account_id, import_id)
    rows = await parts_page(
        database,
        call.account_id,
        import_id,
        slice_of(call, query),
    )
    numbers = [row["part"] for row in rows]
    count = partial(count_parts, database, call.account_id, import_id)
    return await listed(call, query, [shown_part(row, call.ids) for row in rows], numbers, count)


@route("POST", "/v1/imports/{id}/complete", scope="leads:write", answers=(202,))
async def complete(call: Call, body: CompleteIn) -> Reply[Import]:
    """All parts are in: they are imported in the background, as one body would be; a job shows how far.

    409 while one is missing. Again changes nothing. What nobody completes within a day is deleted.
    """
    database, import_id = call.deps.flow.database, call.id("imp")
    await reads.import_(database, call.account_id, import_id)
    async with editing(call) as edit:
        size = await complete_parts(database, edit.on, call.account_id, import_id, body.parts)
        if size is not None:
            job_id = await create_job(
                database,
                account_id=call.account_id,
                kind=KIND,
                args={"import_id": import_id},
                now_ms=edit.now_ms,
                on=edit.on,
            )
            await begin_processing(database, edit.on, import_id, size=size, job_id=job_id, now_ms=edit.now_ms)
            await edit.tell("import_completed", f"import:{import_id}", None, {"size": size})
    shown = await shown_import(call, import_id)
    return Reply(shown, status=202, headers={"Location": f"/v1/imports/{shown.id}"})


async def _read(request: web.Request, limit: int) -> bytes:
    """The part, at most `limit` bytes. Raises Problem 400, 413 or 415."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem("unsupported-media-type", "a part is kept as it comes: pack the file, not the part")
    data = bytearray()
    try:
        while chunk := await asyncio.wait_for(request.content.readany(), BODY_WITHIN_S):
            data += chunk
            if len(data) > limit:
                raise _too_large(limit)
    except TimeoutError:
        raise Problem("malformed-body", f"nothing of the part came for {BODY_WITHIN_S:.0f} s") from None
    except (web.RequestPayloadError, web.HTTPException):
        raise Problem("malformed-body", "the part broke off") from None
    if not data:
        raise Problem("malformed-body", "the part is empty", hint="send its bytes as the body")
    return bytes(data)


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"a part has {limit} bytes at most: send more of them")


ROUTES = (put, list_parts, complete)
