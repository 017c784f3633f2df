"""Exports: what a list shows, whole, as a file."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import msgspec
from aiohttp import web

from api import requests
from api.contact_filters import ids_of
from api.editing import editing
from api.export_kinds import KINDS, Written
from api.exporting import JOB, Order
from api.instants import utc
from api.lead_filters import filter_of_query
from api.paging import listed, slice_of
from api.problems import Problem, invalid
from api.requests_leads import LeadsQuery, Span
from api.routes import attempts, loops
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_contacts import AttemptsQuery, LoopsQuery
from api.schemas_exports import Export, ExportFilter, ExportIn
from scheduler.domain.time import HOUR
from scheduler.ledger import exports
from scheduler.ledger.callbacks import CallbackFilter
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.jobs import create_job
from scheduler.public_ids import PublicIds

PREFIX = "exp"
TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
WHOSE = {"lead_id": "lead", "loop_id": "loop", "agent_id": "agt", "batch_id": "bat", "cadence_id": "cad"}
NARROWED_BY = {
    "leads": {"agent_id", "batch_id", "cadence_id", "status", "tag", "at"},
    "attempts": {"lead_id", "loop_id", "agent_id", "batch_id", "cadence_id", "status", "at"},
    "loops": {"lead_id", "agent_id", "batch_id", "cadence_id", "status"},
    "callbacks": {"lead_id", "agent_id", "status", "at"},
    "dnc_entries": set[str](),
    "audit": {"at"},
}
"""What of a filter means something, by kind."""

STATUSES = {
    "leads": {"new", "active", "reached", "converted", "exhausted", "unreachable", "opted_out", "closed"},
    "attempts": set(attempts.STATES),
    "loops": {"scheduled", "dialing", "awaiting_result", "waiting_callback", "paused", "ended"},
    "callbacks": {"scheduled", "due", "done", "canceled"},
}


@route("GET", "/v1/exports", scope="read")
async def list_exports(call: Call, query: requests.NewestFirstQuery) -> Reply[Page[Export]]:
    """The account's exports that are still kept, newest first unless `order=asc`."""
    database, now_ms = call.deps.flow.database, call.deps.clock.now_ms()
    rows = await exports.exports(
        database,
        call.account_id,
        slice_of(call, query),
        now_ms=now_ms,
    )
    shown = [_view(row, call.ids) for row in rows]
    count = partial(exports.count_exports, database, call.account_id, now_ms=now_ms)
    return await listed(call, query, shown, [row["export_id"] for row in rows], count)


@route("POST", "/v1/exports", scope="read", answers=(202,))
async def begin(call: Call, body: ExportIn) -> Reply[Export]:
    """Write a file of `kind`, CSV or NDJSON, in the background: 202 with the export and its job.

    Objects are those of the lists of that kind, as they are when they are read. `dnc_entries` need the scope
    `compliance:write`, `audit` needs `admin`.
    """
    call.caller.require(KINDS[body.kind].scope)
    narrow = msgspec.to_builtins(await _narrow(call, body))
    deps, settings = call.deps, call.deps.settings
    async with editing(call) as edit:
        number, simulated = await exports.next_number(deps.flow.database, edit.on, call.account_id)
        day = to_datetime(edit.now_ms).date().isoformat()
        name = f"{body.kind}{'-simulated' if simulated else ''}-{day}.{body.format}"
        order = {"kind": body.kind, "format": body.format, "drop_plus": body.drop_plus, "narrow": narrow}
        job_id = await create_job(
            deps.flow.database,
            account_id=call.account_id,
            kind=JOB,
            args=msgspec.to_builtins(Order(number, **order)),
            now_ms=edit.now_ms,
            on=edit.on,
        )
        await exports.create_export(
            deps.flow.database,
            edit.on,
            account_id=call.account_id,
            number=number,
            job_id=job_id,
            kind=body.kind,
            format_=body.format,
            filter_=msgspec.json.encode(body.filter).decode(),
            name=name,
            now_ms=edit.now_ms,
            kept_ms=int(settings.export_kept_h * HOUR),
            most=settings.exports_kept,
        )
        said = {"kind": body.kind, "filter": msgspec.to_builtins(body.filter)}
        await edit.tell("export_begun", f"export:{number}", None, said)
    shown = _view(await _kept(call, number), call.ids)
    return Reply(shown, status=202, headers={"Location": f"/v1/exports/{shown.id}"})


@route("GET", "/v1/exports/{id}", scope="read")
async def show(call: Call) -> Reply[Export]:
    """One export: how far it is, and where its file is."""
    return Reply(_view(await _kept(call, call.id(PREFIX)), call.ids))


@route("GET", "/v1/exports/{id}/file", scope="read", gives=tuple(TYPES.values()))
async def download(call: Call) -> web.StreamResponse:
    """The file, streamed; 409 `state-conflict` before it is done. It is in the audit log who fetched it."""
    database, number = call.deps.flow.database, call.id(PREFIX)
    row = await _kept(call, number)
    call.caller.require(KINDS[row["kind"]].scope)
    if row["status"] != "done":
        raise Problem("state-conflict", f"the export is {row['status']}", hint="see its status and error")
    response = web.StreamResponse(
        headers={
            "Content-Type": f"{TYPES[row['format']]}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{row["name"]}"',
            "Content-Length": str(row["bytes"]),
        }
    )
    if call.request.method == "HEAD":
        return response
    async with editing(call) as edit:
        await edit.tell("export_downloaded", f"export:{number}", None, {"kind": row["kind"]})
    await response.prepare(call.request)
    async for part in exports.read_parts(database, call.account_id, number, row["parts"]):
        await response.write(part)
    await response.write_eof()
    return response


async def _kept(call: Call, number: int) -> Row:
    return await exports.export(call.deps.flow.database, call.account_id, number, call.deps.clock.now_ms())


async def _narrow(call: Call, body: ExportIn) -> msgspec.Struct:
    """The filter of the kind. Raises Problem 422 for what is nobody's, or means nothing there."""
    said = body.filter
    await _check_owned(call, said)
    for name in ExportFilter.__struct_fields__:
        if getattr(said, name) is not None and name not in NARROWED_BY[body.kind]:
            raise invalid(f"/filter/{name}", "invalid", f"{name} does not narrow {body.kind}")
    wrong = [one for one in said.status or () if one not in STATUSES[body.kind]]
    if wrong:
        known = ", ".join(sorted(STATUSES[body.kind]))
        raise invalid("/filter/status", "invalid", f"{body.kind} have no such status", hint=f"one of {known}")
    at, statuses = said.at or Span(), cast(Any, said.status)
    ids = {name: getattr(said, name) for name in WHOSE}
    if body.kind == "leads":
        given = {name: ids[name] for name in ("agent_id", "batch_id", "cadence_id")}
        query = LeadsQuery(**given, status=statuses, tag=said.tag, created_from=at.gte, created_until=at.lt)
        found: msgspec.Struct | None = filter_of_query(call.ids, query)
    elif body.kind == "attempts":
        asked = AttemptsQuery(**ids, status=statuses, due_from=at.gte, due_until=at.lt)
        found = attempts.narrowed(call, asked)
    elif body.kind == "loops":
        del ids["loop_id"]
        found = loops.narrowed(call, LoopsQuery(**ids, status=statuses))
    elif body.kind == "callbacks":
        found = CallbackFilter(
            ids_of(call.ids, "lead", said.lead_id),
            ids_of(call.ids, "agt", said.agent_id),
            said.status,
            at.gte,
            at.lt,
        )
    else:
        found = Written(at.gte, at.lt)
    assert found is not None  # every id is the account's
    return found


async def _check_owned(call: Call, said: ExportFilter) -> None:
    numbers = {
        name: [call.ids.read(prefix, one) for one in getattr(said, name) or ()]
        for name, prefix in WHOSE.items()
    }
    known = {name: [one for one in found if one is not None] for name, found in numbers.items()}
    owned = await exports.owned(call.deps.flow.database, call.account_id, known)
    for name, found in numbers.items():
        for at, number in enumerate(found):
            if number not in owned[name]:
                what = name.removesuffix("_id")
                raise invalid(f"/filter/{name}/{at}", "not-found", f"no such {what} in this account")


def _view(row: Row, ids: PublicIds) -> Export:
    id_ = ids.write(PREFIX, row["export_id"])
    return Export(
        id=id_,
        object="export",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        expires_at=utc(row["expires_at"]),
        kind=row["kind"],
        format=row["format"],
        filter=msgspec.json.decode(row["filter"], type=ExportFilter),
        job_id=ids.write("job", row["job_id"]),
        status=row["status"],
        done=row["done"],
        total=row["total"],
        error=row["error"],
        rows=row["rows"],
        bytes=row["bytes"],
        name=row["name"],
        file_url=f"/v1/exports/{id_}/file" if row["status"] == "done" else None,
    )


ROUTES = (list_exports, begin, show, download)
