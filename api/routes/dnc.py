"""Who may never be called: single numbers, checks, files."""

from __future__ import annotations

from functools import partial

import msgspec
from aiohttp import web

from api.decoding import decode_query
from api.dnc_file import TYPES, numbers_of
from api.editing import editing
from api.instants import utc_ms
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import invalid
from api.routes.dnc_lists import list_named
from api.routing import Call, Reply, query_values, route
from api.schemas import Page
from api.schemas_dnc import (
    AddedEntry,
    Checked,
    CheckIn,
    CheckResult,
    DncChange,
    DncEntry,
    DncImported,
    DncImportQuery,
    DncIn,
    DncRejected,
    EntriesQuery,
)
from api.views_dnc import entry
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.flow.dnc import GROUP, Listing, letting_back
from scheduler.flow.entries import DETAILS
from scheduler.flow.keys import lead_key
from scheduler.flow.opt_out import opt_out
from scheduler.ledger import dnc
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds

MOST_ERRORS = 100


@route("GET", "/v1/dnc/entries", scope="compliance:write")
async def list_entries(call: Call, query: EntriesQuery) -> Reply[Page[DncEntry]]:
    """Numbers that are never called, oldest first unless `order=desc`. To look for one, POST `/dnc/check`."""
    list_id = None
    if query.list_id is not None:
        list_id = call.ids.read("dnl", query.list_id) or 0
    database = call.deps.flow.database
    rows = await dnc.entries(
        database,
        call.account_id,
        slice_of(call, query),
        list_id=list_id,
    )
    count = partial(dnc.count_entries, database, call.account_id, list_id)
    shown = [entry(row, call.ids) for row in rows]
    return await listed(call, query, shown, [row["suppression_id"] for row in rows], count)


@route("POST", "/v1/dnc/entries", scope="compliance:write", answers=(201, 200))
async def add_entry(call: Call, body: DncIn) -> Reply[AddedEntry]:
    """Never call this phone again. From the answer on nobody does: what was on its way is waited for or
    ended.
    """
    try:
        phone = normalize(body.phone)
    except BadNumber as error:
        raise invalid("/phone", error.code, DETAILS[error.code]) from None
    if body.list_id is None:
        done = await opt_out(
            call.deps.flow,
            call.deps.clock,
            call.deps.hang_up,
            account_id=call.account_id,
            phone=phone,
            reason=body.reason,
            source="api",
            actor=call.actor,
            permit_s=call.deps.settings.permit_s,
        )
        added = done.added
    else:
        listing = _listing(call, await list_named(call, body.list_id, "/list_id"), body.reason)
        await listing.put([phone])
        await listing.finish()
        added = bool(listing.entered)
    row = (await dnc.entries_of(call.deps.flow.database, call.account_id, [phone]))[phone]
    shown = entry(row, call.ids)
    made = AddedEntry(**msgspec.structs.asdict(shown), effective_at=str(utc_ms(call.deps.clock.now_ms())))
    headers = {"Location": f"/v1/dnc/entries/{shown.id}", **tagged(shown)}
    return Reply(made, status=201 if added else 200, headers=headers)


@route("GET", "/v1/dnc/entries/{id}", scope="compliance:write")
async def show_entry(call: Call) -> Reply[DncEntry]:
    """One number that is never called, and the lists that have it."""
    return Reply(entry(await dnc.entry(call.deps.flow.database, call.account_id, call.id("dnc")), call.ids))


@route("PATCH", "/v1/dnc/entries/{id}", scope="compliance:write")
async def change_entry(call: Call, body: DncChange) -> Reply[DncEntry]:
    """Correct the reason that is on record."""
    database, entry_id = call.deps.flow.database, call.id("dnc")
    async with editing(call) as edit:
        values = (call.account_id, entry_id, body.reason, edit.now_ms)
        was = await dnc.change_entry(database, edit.on, *values)
        await edit.tell_change(
            "dnc_entry_changed", f"dnc_entry:{entry_id}", {"reason": was}, {"reason": body.reason}
        )
    return Reply(entry(await dnc.entry(database, call.account_id, entry_id), call.ids))


@route("DELETE", "/v1/dnc/entries/{id}", scope="compliance:write")
async def remove_entry(call: Call) -> Reply[None]:
    """The phone may be called again: every list loses it. A lead that was `opted_out` is `closed`, or `new`
    if nobody followed it up; loops that ended stay ended. The audit log tells who did this."""
    database, entry_id = call.deps.flow.database, call.id("dnc")
    async with editing(call) as edit:
        phone = (await dnc.entry(database, call.account_id, entry_id, edit.on))["phone"]
        async with letting_back(database, edit.on, call.account_id, [phone], edit.now_ms):
            gone = await dnc.remove_entry(database, edit.on, call.account_id, entry_id, edit.now_ms)
        who = lead_key(call.deps.flow.phone_key, None, gone["phone"])
        before = {"who": who, "reason": gone["reason"], "source": gone["source"]}
        await edit.tell("suppression_lifted", f"dnc_entry:{entry_id}", before, None)
    return Reply(None, status=204)


@route("POST", "/v1/dnc/check", scope="read", answers=(200,))
async def check(call: Call, body: CheckIn) -> Reply[CheckResult]:
    """Which of these phones are never called, and by which lists; they travel in the body, not in an URL.

    Of people who asked not to be called and were erased no entry is left, but they stay blocked.
    """
    flow, phones = call.deps.flow, [_phone(asked) for asked in body.phones]
    wanted = sorted({phone for phone in phones if phone is not None})
    found = await dnc.entries_of(flow.database, call.account_id, wanted) if wanted else {}
    marks = {phone: lead_key(flow.phone_key, None, phone) for phone in wanted}
    erased = await dnc.marked(flow.database, call.account_id, marks) if wanted else set()
    data = [
        _checked(asked, phone, found.get(phone or ""), phone in erased, call.ids)
        for asked, phone in zip(body.phones, phones, strict=True)
    ]
    return Reply(CheckResult(data, sum(each.blocked for each in data)))


@route(
    "POST",
    "/v1/dnc/import",
    scope="compliance:write",
    streams=True,
    answers=(200,),
    query=DncImportQuery,
    takes=TYPES,
    gives=("application/json",),
)
async def import_entries(call: Call) -> web.StreamResponse:
    """Take in a file of numbers: one a line, CSV with a column `phone`, or NDJSON. From the answer on nobody
    calls any of them; the same file again changes nothing."""
    query = decode_query(query_values(call.request), DncImportQuery)
    rows, rejected, errors = 0, 0, list[DncRejected]()
    settings = call.deps.settings
    numbers = numbers_of(
        call.request,
        group=GROUP,
        max_line=settings.import_max_line,
        least_bytes_per_s=settings.import_least_bytes_per_s,
    )
    group = await anext(numbers, None)  # a file that is none leaves no list behind
    list_id = await _target(call, query)
    listing = _listing(call, list_id, query.reason)
    while group is not None:
        rows += len(group)
        bad = [each for each in group if each.code]
        rejected += len(bad)
        errors += [DncRejected(each.row, each.code) for each in bad[: MOST_ERRORS - len(errors)]]
        phones = list(dict.fromkeys(phone for each in group for phone in each.phones))
        for at in range(0, len(phones), GROUP):
            await listing.put(phones[at : at + GROUP])
        group = await anext(numbers, None)
    await listing.finish()
    body = DncImported(
        list_id=call.ids.write_or_none("dnl", list_id),
        rows=rows,
        added=listing.added,
        entered=listing.entered,
        rejected=rejected,
        ended_loops=listing.ended,
        effective_at=str(utc_ms(call.deps.clock.now_ms())),
        errors=errors,
    )
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


async def _target(call: Call, query: DncImportQuery) -> int | None:
    """The list that the parameters name, made where there is none of that name."""
    if query.list_id is not None:
        return await list_named(call, query.list_id, "list_id")
    if query.name is None:
        return None
    database = call.deps.flow.database
    async with editing(call) as edit:
        list_id, made = await dnc.ensure_list(database, edit.on, call.account_id, query.name, edit.now_ms)
        if made:
            await edit.tell("dnc_list_created", f"dnc_list:{list_id}", None, {"name": query.name})
    return list_id


def _listing(call: Call, list_id: int | None, reason: str) -> Listing:
    return Listing(
        call.deps.flow,
        call.deps.clock,
        call.deps.hang_up,
        account_id=call.account_id,
        list_id=list_id,
        reason=reason,
        source="api" if list_id is None else "list",
        actor=call.actor,
        permit_s=call.deps.settings.permit_s,
    )


def _phone(asked: str) -> str | None:
    try:
        return normalize(asked)
    except BadNumber:
        return None


def _checked(asked: str, phone: str | None, row: Row | None, erased: bool, ids: PublicIds) -> Checked:
    if row is None:
        return Checked(asked, phone, erased, None, erased, [])
    shown = entry(row, ids)
    return Checked(asked, phone, True, shown.id, shown.own_word or erased, shown.list_ids)


ROUTES = (list_entries, add_entry, show_entry, change_entry, remove_entry, check, import_entries)
