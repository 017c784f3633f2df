"""What events happened to, as the API shows it: read in bulk, once for all events of a page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec

from api import cadence_views, views, views_callbacks, views_dnc, views_imports, views_settings
from api.schemas_events import Component, DialingScope, WaitingDigest
from api.views_loops import loop
from scheduler.errors import NotFound
from scheduler.insight.events import Event
from scheduler.ledger import cadences, callbacks, dnc, reads
from scheduler.ledger.database import Database, Row
from scheduler.ledger.news import TYPES
from scheduler.public_ids import PublicIds

Key: TypeAlias = tuple[str, int]
"""A kind of thing and the number of one."""

Reader: TypeAlias = Callable[[Database, int, Sequence[int], PublicIds], Awaitable[dict[int, Any]]]

_PREFIXES = {
    "lead": "lead",
    "loop": "loop",
    "attempt": "att",
    "callback": "cbk",
    "batch": "bat",
    "import": "imp",
    "cadence": "cad",
    "dnc_entry": "dnc",
    "agent": "agt",
    "account": "acc",
    "trunk": "trk",
}
NOT_YET = {"answered_at": None, "ended_at": None, "outcome": None, "disposition": None, "talk_s": None}
"""Of an attempt that was only just dispatched."""


def kind_of(event: Event) -> str:
    """Of what it happened to; for `dialing.*` the event itself says it."""
    kind = TYPES[event.type]
    return str(event.extra["scope"]) if kind == "scope" else kind


async def read_objects(
    database: Database, account_id: int, events: Iterable[Event], ids: PublicIds
) -> dict[Key, Any]:
    """All that is still there, by kind and number."""
    wanted: dict[str, set[int]] = {}
    for event in events:
        if (kind := kind_of(event)) in READERS:
            wanted.setdefault(kind, set()).add(event.id)
    kinds = list(wanted)
    found = await asyncio.gather(
        *(READERS[kind](database, account_id, sorted(wanted[kind]), ids) for kind in kinds)
    )
    return {
        (kind, number): object_
        for kind, objects in zip(kinds, found, strict=True)
        for number, object_ in objects.items()
    }


def shown(event: Event, objects: dict[Key, Any], ids: PublicIds) -> Any:
    """The object of an event, with the fields that the event is about as they were right after it."""
    kind = kind_of(event)
    now: dict[str, Any] = event.extra.get("now", {})
    if kind == "component":
        part = event.extra.get("kind")
        return Component(
            id=ids.write(_PREFIXES[part], event.id) if part else None,
            object="component",
            name=event.extra["component"],
            detail=event.extra.get("detail", ""),
        )
    if kind == "digest":
        told = {name: event.extra[name] for name in ("day", "waiting", "reasons")}
        return WaitingDigest(object="waiting_digest", **told)
    if TYPES[event.type] == "scope":
        return DialingScope(
            id=ids.write(_PREFIXES[kind], event.id),
            object=kind,
            paused=event.type == "dialing.paused",
            pause_reason=event.extra.get("reason"),
        )
    object_ = objects.get((kind, event.id))
    if object_ is None:
        return {"id": ids.write(_PREFIXES[kind], event.id), "object": kind}
    if event.type == "attempt.dispatched":
        now = {"status": "initiated", "error": None, **NOT_YET}
    return msgspec.structs.replace(object_, **now) if now else object_


async def _leads(
    database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
) -> dict[int, Any]:
    rows = await reads.leads(database, account_id, numbers)
    return {row["lead_id"]: views.lead(row, ids) for row in rows}


async def _loops(
    database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
) -> dict[int, Any]:
    rows = await reads.loops(database, account_id, numbers)
    return {row["loop_id"]: loop(row, ids) for row in rows}


async def _attempts(
    database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
) -> dict[int, Any]:
    rows = await reads.attempts(database, account_id, numbers)
    return {row["attempt_id"]: views.attempt(row, views.zone_of(row), ids) for row in rows}


async def _dnc_entries(
    database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
) -> dict[int, Any]:
    rows = await dnc.entries_numbered(database, account_id, numbers)
    return {row["suppression_id"]: views_dnc.entry(row, ids) for row in rows}


async def _cadences(
    database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
) -> dict[int, Any]:
    active = await cadences.active_loops(database, numbers)
    found = {}
    for number in numbers:
        with suppress(NotFound):
            row = await cadences.cadence(database, account_id, number)
            found[number] = cadence_views.cadence(row, active.get(number, 0), ids)
    return found


def _one_by_one(
    read: Callable[[Database, int, int], Awaitable[Row]], view: Callable[[Row, PublicIds], Any]
) -> Reader:
    """For what few events are about."""

    async def read_all(
        database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
    ) -> dict[int, Any]:
        found = {}
        for number in numbers:
            with suppress(NotFound):
                found[number] = view(await read(database, account_id, number), ids)
        return found

    return read_all


async def _callbacks(
    database: Database, account_id: int, numbers: Sequence[int], ids: PublicIds
) -> dict[int, Any]:
    rows = await callbacks.callbacks(database, account_id, numbers)
    return {row["callback_id"]: views_callbacks.callback(row, ids) for row in rows}


READERS: dict[str, Reader] = {
    "lead": _leads,
    "loop": _loops,
    "attempt": _attempts,
    "callback": _callbacks,
    "dnc_entry": _dnc_entries,
    "batch": _one_by_one(reads.batch, views.batch),
    "import": _one_by_one(reads.import_, views_imports.import_),
    "cadence": _cadences,
    "agent": _one_by_one(reads.agent, views_settings.agent),
}
