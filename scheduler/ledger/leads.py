"""Leads as lists: narrowed, in an order that has no end, counted exactly or about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.database import Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import Slice
from scheduler.ledger.tenancy import serving

Sort: TypeAlias = Literal["created_at", "updated_at", "contacted_at", "name", "attempts_count"]
"""By `created_at` every page costs the same, by the others a walk over all that the filter finds."""

FEW = 2000
"""What fewer leads have is looked up first: the server cannot tell how few they are."""

MOST_SIGNALS = 1000
"""Signs of life of a lead that are shown."""

CHEAP = 10_000.0
MOST_COUNTED = 10_000
"""Where "about" would do, a filter is counted if the server thinks that this costs less, by its own measure
(some tens of milliseconds), and up to so many leads."""


class LeadFilter(msgspec.Struct, frozen=True):
    """What is not None narrows: one of each list, but all of `tags`. `phone` is E.164; `name` is a part of
    it; case does not matter in it, nor in `email`. `created_from` is inclusive, `created_until` exclusive."""

    phone: str | None = None
    external_ids: tuple[str, ...] | None = None
    email: str | None = None
    name: str | None = None
    statuses: tuple[str, ...] | None = None
    agent_ids: tuple[int, ...] | None = None
    batch_ids: tuple[int, ...] | None = None
    cadence_ids: tuple[int, ...] | None = None
    priority: str | None = None
    tags: tuple[str, ...] | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    lead_ids: tuple[int, ...] | None = None


class Place(msgspec.Struct, frozen=True):
    """Where a page ended: the last lead and what it is sorted by, one of `at`, `text` and `number`."""

    lead_id: int
    at: datetime | None = None
    text: str | None = None
    number: int | None = None


async def page_of_leads(
    database: Database,
    account_id: int,
    narrow: LeadFilter,
    *,
    limit: int,
    sort: Sort = "created_at",
    descending: bool = True,
    after: Place | None = None,
) -> list[Place]:
    """The next leads, after the place where the page before ended; ties are in order of their ids."""
    after_columns = (None,) * 4 if after is None else (after.lead_id, after.at, after.text, after.number)
    lead_ids = await _known_ids(database, account_id, narrow)
    each = [narrow]
    if sort == "created_at" and narrow.statuses is not None:  # each has its own index order
        each = [msgspec.structs.replace(narrow, statuses=(status,)) for status in set(narrow.statuses)]
    found: list[Place] = []
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        for one in each:
            columns = (
                *_columns(one),
                sort,
                descending,
                *after_columns,
                limit,
                lead_ids,
                _list(one.cadence_ids),
            )
            rows = await database.fetch("lead_page", account_id, *columns, on=on)
            found += [Place(row["lead_id"], row["at"], row["text"], row["number"]) for row in rows]
    if len(each) > 1:
        found.sort(key=lambda place: (place.at, place.lead_id), reverse=descending)
    return found[:limit]


async def count_leads(database: Database, account_id: int, narrow: LeadFilter) -> int:
    """How many leads the filter finds."""
    values = await _filtering(database, account_id, narrow)
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        return await database.fetch_count("lead_count", *values, None, on=on)


async def count_leads_about(database: Database, account_id: int, narrow: LeadFilter) -> tuple[int, bool]:
    """The same, and whether it is exact: many are told as the server's statistics have them, which know
    nothing of what has just come; few are counted."""
    values = await _filtering(database, account_id, narrow)
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        [row] = await database.fetch("lead_estimate", *values, on=on)
        plan = msgspec.json.decode(row[0])[0]["Plan"]
        if plan["Total Cost"] > CHEAP:
            return int(plan["Plan Rows"]), False
        count = await database.fetch_count("lead_count", *values, MOST_COUNTED, on=on)
    return (count, True) if count < MOST_COUNTED else (max(count, int(plan["Plan Rows"])), False)


async def _filtering(database: Database, account_id: int, narrow: LeadFilter) -> tuple[Any, ...]:
    """The parameters of `lead_count`, but for the last."""
    lead_ids = await _known_ids(database, account_id, narrow)
    return (account_id, *_columns(narrow), lead_ids, _list(narrow.cadence_ids))


async def leads_by_id(database: Database, account_id: int, lead_ids: Sequence[int]) -> list[Row]:
    """Rows of `read_leads` in the order of the ids."""
    rows = await database.fetch("read_leads", account_id, list(lead_ids)) if lead_ids else []
    by_id = {row["lead_id"]: row for row in rows}
    return [by_id[lead_id] for lead_id in lead_ids if lead_id in by_id]


async def lead_signals(database: Database, account_id: int, lead_id: int) -> list[Row]:
    """Signs of life, oldest first."""
    return await database.fetch("lead_signals", account_id, lead_id, MOST_SIGNALS)


async def waiting_leads(
    database: Database,
    account_id: int,
    asked: Slice,
    *,
    now_ms: Ms,
) -> list[Row]:
    """Leads that wait for a person of ours, and why, in order of their ids."""
    now = to_datetime(now_ms)
    return await database.fetch("lead_waiting", account_id, now, *asked.values)


async def refresh_statistics(database: Database) -> None:
    """After many leads came at once: the server by itself sees it a minute later, and until then it plans
    pages as if the tables were small. Takes a second whatever there is, and holds nobody up."""
    with serving(None):  # whoever owns the tables
        await database.execute("lead_statistics")


async def _known_ids(database: Database, account_id: int, narrow: LeadFilter) -> list[int] | None:
    """The ids that the filter comes down to, where an index tells that they are few.

    Looked up for no account in particular: under row-level security an index serves only operators that the
    server knows to leak nothing, and those of arrays and of `lower` are none. What the account may see is
    decided where the leads themselves are read.
    """
    if narrow.lead_ids is not None:
        return list(narrow.lead_ids)
    probes: list[tuple[str, Any]] = []
    if narrow.email is not None:
        probes.append(("lead_mailed", narrow.email))
    if narrow.tags:
        probes.append(("lead_tagged", list(narrow.tags)))
    with serving(None):
        for name, said in probes:
            rows = await database.fetch(name, account_id, said, FEW)
            if len(rows) < FEW:
                return [row["lead_id"] for row in rows]
    return None


def _columns(narrow: LeadFilter) -> tuple[Any, ...]:
    """$2 to $12 of the statements."""
    return (
        narrow.phone,
        _list(narrow.external_ids),
        narrow.email,
        None if narrow.name is None else f"%{_like(narrow.name)}%",
        _list(narrow.statuses),
        _list(narrow.agent_ids),
        _list(narrow.batch_ids),
        narrow.priority,
        _list(narrow.tags),
        narrow.created_from,
        narrow.created_until,
    )


def _list(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _like(text: str) -> str:
    """`text` as itself inside a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
