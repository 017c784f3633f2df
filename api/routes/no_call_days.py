"""No-call days: dates on which nobody is called, where the lead is."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import msgspec

from api import requests, schemas
from api.editing import Edit, given
from api.instants import EARLIEST, LATEST, utc
from api.paging import listed, slice_of
from api.preconditions import tagged
from api.problems import invalid
from api.reaching import Changed, extended, reach
from api.regions import read_regions
from api.routing import Call, Reply, route
from api.schemas_impact import ChangeQuery
from api.schemas_windows import NoCallDay, NoCallDayChange, NoCallDayChanged, NoCallDayIn, Removed
from scheduler.ledger import closed_times, reads
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds

PREFIX = "ncd"


@route("GET", "/v1/no-call-days", scope="read")
async def list_days(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[NoCallDay]]:
    """The account's no-call days, oldest first unless `order=desc`."""
    database = call.deps.flow.database
    rows = await closed_times.no_call_days(
        database,
        call.account_id,
        slice_of(call, query),
    )
    shown = [_view(row, call.ids) for row in rows]
    numbers = [row["no_call_day_id"] for row in rows]
    count = partial(reads.count_owned, database, call.account_id, "no_call_day")
    return await listed(call, query, shown, numbers, count)


@route("GET", "/v1/no-call-days/{id}", scope="read")
async def show_day(call: Call) -> Reply[NoCallDay]:
    """One no-call day."""
    row = await closed_times.no_call_day(call.deps.flow.database, call.account_id, call.id(PREFIX))
    return Reply(_view(row, call.ids))


@route("POST", "/v1/no-call-days", scope="calls:write")
async def create_day(call: Call, query: ChangeQuery, body: NoCallDayIn) -> Reply[NoCallDayChanged]:
    """A new no-call day; 409 when it is there already. In force once this is answered, some two seconds
    later."""
    database, day = call.deps.flow.database, _read(given(body))

    async def change(edit: Edit) -> Changed[NoCallDay]:
        number = await closed_times.create_no_call_day(
            database,
            edit.on,
            call.account_id,
            day,
            now_ms=edit.now_ms,
            most=call.deps.settings.no_call_days_kept,
        )
        await edit.tell("no_call_day_created", f"no_call_day:{number}", None, _as_said(day))
        row = await closed_times.no_call_day(database, call.account_id, number, edit.on)
        return Changed(_view(row, call.ids), None)

    reached = await reach(call, change, dry_run=query.dry_run)
    shown = extended(NoCallDayChanged, reached)
    if query.dry_run:
        return Reply(msgspec.structs.replace(shown, id=None))
    return Reply(shown, 201, {"Location": f"/v1/no-call-days/{shown.id}", **tagged(reached.shown)})


@route("PATCH", "/v1/no-call-days/{id}", scope="calls:write")
async def change_day(call: Call, query: ChangeQuery, body: NoCallDayChange) -> Reply[NoCallDayChanged]:
    """Change it; what is left out stays. In force once this is answered, some two seconds later."""
    database, number, said = call.deps.flow.database, call.id(PREFIX), given(body)

    async def change(edit: Edit) -> Changed[NoCallDay]:
        row = await closed_times.lock_no_call_day(database, edit.on, call.account_id, number)
        was = _day(row)
        day = _read(_as_said(was) | said)
        if _as_said(day) == _as_said(was):
            return Changed(_view(row, call.ids))
        await closed_times.change_no_call_day(database, edit.on, call.account_id, number, day, edit.now_ms)
        await edit.tell("no_call_day_changed", f"no_call_day:{number}", _as_said(was), _as_said(day))
        row = await closed_times.no_call_day(database, call.account_id, number, edit.on)
        return Changed(_view(row, call.ids), None)  # the label too: `why[]` shows it

    reached = await reach(call, change, dry_run=query.dry_run)
    return Reply(extended(NoCallDayChanged, reached), headers=tagged(reached.shown))


@route("DELETE", "/v1/no-call-days/{id}", scope="calls:write", answers=(200,))
async def delete_day(call: Call, query: ChangeQuery) -> Reply[Removed]:
    """Calls may be made on that day again, once this is answered, some two seconds later."""
    database, number = call.deps.flow.database, call.id(PREFIX)

    async def change(edit: Edit) -> Changed[None]:
        row = await closed_times.lock_no_call_day(database, edit.on, call.account_id, number)
        await closed_times.delete_no_call_day(database, edit.on, call.account_id, number)
        await edit.tell("no_call_day_deleted", f"no_call_day:{number}", _as_said(_day(row)), None)
        return Changed(None, None)

    reached = await reach(call, change, dry_run=query.dry_run)
    return Reply(Removed(reached.impact, reached.job))


def _read(said: dict[str, Any]) -> closed_times.NoCallDay:
    """Raises Problem 422 for what is no date or no region."""
    try:
        day = date.fromisoformat(said["date"])
    except ValueError:
        raise invalid("/date", "invalid", "no such date", hint="write it like 2026-12-25") from None
    if not EARLIEST.year <= day.year < LATEST.year:
        raise invalid("/date", "out-of-range", f"a date from {EARLIEST.year} to {LATEST.year - 1}")
    regions = read_regions(said["regions"], "/regions")
    return closed_times.NoCallDay(day, said["label"], regions, said["repeat"] == "yearly")


def _day(row: Row) -> closed_times.NoCallDay:
    return closed_times.NoCallDay(row["date"], row["label"], row["regions"], row["yearly"])


def _as_said(day: closed_times.NoCallDay) -> dict[str, Any]:
    """As the API writes it, and the audit log."""
    return {
        "date": day.date.isoformat(),
        "label": day.label,
        "regions": list(day.regions),
        "repeat": "yearly" if day.yearly else "none",
    }


def _view(row: Row, ids: PublicIds) -> NoCallDay:
    return NoCallDay(
        id=ids.write(PREFIX, row["no_call_day_id"]),
        object="no_call_day",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        **_as_said(_day(row)),
    )


ROUTES = (list_days, show_day, create_day, change_day, delete_day)
