"""Many leads in one request, NDJSON in and out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from api.arriving import chunks_of
from api.decoding import in_utf8
from api.idempotency import KeptStream
from api.intake import refuse_full_disk
from api.lead_bulk import Bulk
from api.lead_bulk_rows import Where
from api.lead_targets import target_named
from api.problems import Problem
from api.routes.imports import WORKERS
from api.routing import Call, route
from scheduler.flow.terms import Target

NDJSON = "application/x-ndjson"
TYPES = frozenset({NDJSON, "application/jsonl", "application/json"})

UNHEARD_S = 30.0
"""A sender that does not read its answers for so long gets no more of them."""


@route(
    "POST",
    "/v1/leads/bulk",
    scope="leads:write",
    streams=True,
    answers=(200,),
    takes=(NDJSON,),
    gives=(NDJSON,),
)
async def take_many(call: Call) -> web.StreamResponse:
    """Take in up to 10,000 leads, a body of POST /v1/leads a line; each is answered by a line, in order.

    Answers come while lines are still sent: `{row, status, action, id}`, or `problem` for what did not come
    in. A line counts as its own request would: bad ones stop nobody.
    """
    request = call.request
    if request.content_type not in TYPES or not in_utf8(request.charset):
        raise Problem("unsupported-media-type", f"send {NDJSON} in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem("unsupported-media-type", "Content-Encoding is taken by imports only")
    if not request.body_exists:
        raise Problem("malformed-body", "there is no line", hint="send a lead a line as the body")
    refuse_full_disk(call.deps.settings)
    live = KeptStream(headers={"Content-Type": NDJSON})
    answers: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def resolve(where: Where) -> Target:
        return await target_named(
            call.deps.flow,
            call.ids,
            call.account_id,
            agent_id=where.agent_id,
            batch_id=where.batch_id,
            cadence_id=where.cadence_id,
        )

    async def tell(lines: bytes) -> None:
        live.kept += lines
        answers.put_nowait(lines)

    with call.deps.intake.file(call.account_id):
        await live.prepare(request)
        sending = asyncio.create_task(_send(live, answers))
        bulk = Bulk(
            call.deps.flow, call.deps.clock, call.deps.settings, request.app[WORKERS], call.ids, resolve, tell
        )
        try:
            await bulk.run(_chunks(request, call.deps.settings.import_least_bytes_per_s))
        finally:
            answers.put_nowait(None)
            with contextlib.suppress(TimeoutError, OSError):
                await sending
    call.deps.metrics.ingested(bulk.rows)
    return live


async def _send(live: KeptStream, answers: asyncio.Queue[bytes | None]) -> None:
    """Send what is answered beside the reading: who sends all lines first and reads then is not waited for.
    At most what 10,000 lines are answered by waits here."""
    while (lines := await answers.get()) is not None:
        async with asyncio.timeout(UNHEARD_S):
            await live.write(lines)


async def _chunks(request: web.Request, least_bytes_per_s: int) -> AsyncIterator[bytes]:
    """The body as it comes, as far as it comes."""
    try:
        async for chunk in chunks_of(request, least_bytes_per_s):
            yield chunk
    except (TimeoutError, OSError, web.RequestPayloadError):
        return


ROUTES = (take_many,)
