"""What can be exported: each kind with its filter, its pages, and the objects that its own list shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from api import (
    schemas,
    schemas_callbacks,
    schemas_dnc,
    schemas_keys,
    schemas_leads,
    schemas_loops,
    views,
    views_callbacks,
    views_dnc,
)
from api.routes.audit import line_view
from api.views_loops import loop
from scheduler.ledger import audit, callbacks, contacts, dnc, leads, reads
from scheduler.ledger.database import Database
from scheduler.ledger.pages import Created, Slice, created
from scheduler.public_ids import PublicIds

PAGE = 2000
"""Rows in one part: a megabyte or two in memory, some tens of milliseconds."""


class Ask(NamedTuple):
    """For whom, narrowed how; `after`: where the page before ended, as JSON holds it, None at the start."""

    database: Database
    ids: PublicIds
    account_id: int
    narrow: Any
    after: Any

    @property
    def part(self) -> Slice:
        return Slice(PAGE, self.after)


Found: TypeAlias = tuple[list[msgspec.Struct], Any]
"""The objects of a page, and where it ended: None when it was the last."""


class Kind(NamedTuple):
    """`narrow`: the type of its filter; `shape`: of its objects; `scope`: what a key needs to see them."""

    narrow: type
    shape: type[msgspec.Struct]
    scope: str
    page: Callable[[Ask], Awaitable[Found]]
    total: Callable[[Ask], Awaitable[int]]


async def _leads(ask: Ask) -> Found:
    after = None if ask.after is None else msgspec.convert(ask.after, leads.Place)
    places = await leads.page_of_leads(
        ask.database, ask.account_id, ask.narrow, limit=PAGE, descending=False, after=after
    )
    numbers = [place.lead_id for place in places]
    rows = {row["lead_id"]: row for row in await reads.leads(ask.database, ask.account_id, numbers)}
    found = [views.lead(rows[number], ask.ids) for number in numbers if number in rows]
    return list(found), msgspec.to_builtins(places[-1]) if len(places) == PAGE else None


async def _attempts(ask: Ask) -> Found:
    numbers = await contacts.attempts_page(ask.database, ask.account_id, ask.part, ask.narrow)
    rows = {row["attempt_id"]: row for row in await reads.attempts(ask.database, ask.account_id, numbers)}
    found = [
        views.attempt(rows[number], views.zone_of(rows[number]), ask.ids)
        for number in numbers
        if number in rows
    ]
    return list(found), _last(numbers)


async def _loops(ask: Ask) -> Found:
    numbers = await contacts.loops_page(ask.database, ask.account_id, ask.part, ask.narrow)
    rows = {row["loop_id"]: row for row in await reads.loops(ask.database, ask.account_id, numbers)}
    return [loop(rows[number], ask.ids) for number in numbers if number in rows], _last(numbers)


async def _callbacks(ask: Ask) -> Found:
    rows = await callbacks.callbacks_page(ask.database, ask.account_id, ask.part, ask.narrow)
    found = [views_callbacks.callback(row, ask.ids) for row in rows]
    return list(found), _last([row["callback_id"] for row in rows])


async def _dnc_entries(ask: Ask) -> Found:
    rows = await dnc.entries(ask.database, ask.account_id, ask.part, list_id=None)
    return [views_dnc.entry(row, ask.ids) for row in rows], _last([row["suppression_id"] for row in rows])


async def _audit(ask: Ask) -> Found:
    part = Slice(PAGE, ask.after, created=ask.narrow.created)
    rows = await audit.audit_page(ask.database, ask.account_id, part, audit.AuditFilter())
    return [line_view(ask.ids, row) for row in rows], _last([row["audit_id"] for row in rows])


def _last(numbers: list[int]) -> int | None:
    return numbers[-1] if len(numbers) == PAGE else None


class Written(msgspec.Struct, frozen=True):
    """When lines of the audit log were written."""

    from_: datetime | None = None
    until: datetime | None = None

    @property
    def created(self) -> Created:
        return created(self.from_, self.until)


class NoFilter(msgspec.Struct, frozen=True):
    """Of what is exported whole."""


KINDS: dict[str, Kind] = {
    "leads": Kind(
        leads.LeadFilter,
        schemas_leads.Lead,
        "read",
        _leads,
        lambda ask: leads.count_leads(ask.database, ask.account_id, ask.narrow),
    ),
    "attempts": Kind(
        contacts.AttemptFilter,
        schemas.Attempt,
        "read",
        _attempts,
        lambda ask: contacts.count_attempts(ask.database, ask.account_id, ask.narrow),
    ),
    "loops": Kind(
        contacts.LoopFilter,
        schemas_loops.Loop,
        "read",
        _loops,
        lambda ask: contacts.count_loops(ask.database, ask.account_id, ask.narrow),
    ),
    "callbacks": Kind(
        callbacks.CallbackFilter,
        schemas_callbacks.Callback,
        "read",
        _callbacks,
        lambda ask: callbacks.count_callbacks(ask.database, ask.account_id, ask.narrow),
    ),
    "dnc_entries": Kind(
        NoFilter,
        schemas_dnc.DncEntry,
        "compliance:write",
        _dnc_entries,
        lambda ask: dnc.count_entries(ask.database, ask.account_id, None),
    ),
    "audit": Kind(
        Written,
        schemas_keys.AuditLine,
        "admin",
        _audit,
        lambda ask: audit.audit_count(ask.database, ask.account_id, audit.AuditFilter(), ask.narrow.created),
    ),
}
