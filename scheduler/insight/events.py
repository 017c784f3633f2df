"""Events as they are read: out of the groups that the ledger keeps, in the account's order."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.errors import Refused
from scheduler.ledger.database import Database, Row
from scheduler.ledger.instants import to_ms
from scheduler.ledger.news import Head, heads
from scheduler.ledger.pages import EVER, Created

LOOKED_AT = 2000
"""Groups that one page looks at: where a filter finds little, pages come back short instead of late."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Event(msgspec.Struct, frozen=True):
    """One event. `number`: its place in its account's order, from 1 on without a hole. `id`: of what it
    happened to; see `ledger.news` for the types and for `extra`."""

    number: int
    type: str
    at_ms: Ms
    id: int
    lead_id: int | None
    batch_id: int | None
    extra: dict[str, Any]


class Group(msgspec.Struct, frozen=True):
    """Like events as the ledger keeps them: the last one's number is `seq`. `lead_ids`: whose each is, empty
    where it is nobody's; `batch_ids`: of each, or one for all, or none."""

    seq: int
    type: str
    at_ms: Ms
    ids: list[int]
    lead_ids: list[int]
    batch_ids: list[int]
    extra: dict[str, Any]

    @property
    def before(self) -> int:
        """The number of the event before its first."""
        return self.seq - len(self.ids)

    def event(self, place: int) -> Event:
        lead_id = self.lead_ids[place] if self.lead_ids else None
        batch_id = self.batch_ids[min(place, len(self.batch_ids) - 1)] if self.batch_ids else None
        number = self.before + 1 + place
        return Event(number, self.type, self.at_ms, self.ids[place], lead_id, batch_id or None, self.extra)

    def of_batch(self, batch_id: int) -> list[int]:
        """The places of its events that are of that batch."""
        if len(self.batch_ids) == 1:
            return list(range(len(self.ids))) if self.batch_ids[0] == batch_id else []
        return _places(self.batch_ids, batch_id)

    def of_lead(self, lead_id: int) -> list[int]:
        return _places(self.lead_ids, lead_id)


class Narrow(msgspec.Struct, frozen=True):
    """What is not None narrows the events; `created`: when they happened."""

    types: list[str] | None = None
    lead_id: int | None = None
    batch_id: int | None = None
    created: Created = EVER


EVERYTHING = Narrow()


class Stretch(msgspec.Struct, frozen=True):
    """Events that were asked for, and how far that was looked: the next page begins there. `more`: whether
    there is anything beyond."""

    events: list[Event]
    looked_to: int
    more: bool


async def head_of(database: Database, account_id: int) -> Head:
    return (await heads(database, [account_id])).get(account_id, Head())


async def read_on(
    database: Database, account_id: int, after: int | None, limit: int, narrow: Narrow = EVERYTHING
) -> Stretch:
    """Events after that number, the oldest first; None: from the first that is kept.

    Raises Refused (`event-expired`) when some after it are gone, ServerUnavailable.
    """
    head = await head_of(database, account_id)
    if after is None:
        after = head.purged_seq
    if after < head.purged_seq:
        raise _expired()
    if after >= head.seq:
        return Stretch([], after, False)
    window = await database.fetch_row("news_window", account_id, after, LOOKED_AT, narrow.created)
    assert window is not None
    upto = window["upto"]
    if upto is None and narrow.created == EVER:  # it was forgotten meanwhile
        raise _expired()
    if upto is None:
        return Stretch([], head.seq, False)
    events = await _read(database, "news_read", account_id, after, upto, narrow, limit)
    if len(events) == limit:
        looked_to = events[-1].number
    else:  # beyond what was looked at nothing is of that time
        looked_to = upto if window["groups"] == LOOKED_AT else max(upto, head.seq)
    return Stretch(events, looked_to, looked_to < head.seq)


async def read_back(
    database: Database, account_id: int, before: int | None, limit: int, narrow: Narrow = EVERYTHING
) -> Stretch:
    """Events before that number, the latest first; None: from the last one. `looked_to` is exclusive: the
    next page goes on before it. What is no longer kept ends the list."""
    head = await head_of(database, account_id)
    upto = head.seq if before is None else min(before - 1, head.seq)
    if upto <= head.purged_seq:
        return Stretch([], upto + 1, False)
    window = await database.fetch_row("news_window_back", account_id, upto, LOOKED_AT, narrow.created)
    assert window is not None
    after = upto if window["after"] is None else window["after"]
    events = await _read(database, "news_read_back", account_id, after, upto, narrow, limit)
    if len(events) < limit and window["groups"] < LOOKED_AT:  # nothing before is of that time
        return Stretch(events, after + 1, False)
    looked_to = events[-1].number if len(events) == limit else after + 1
    return Stretch(events, looked_to, looked_to - 1 > head.purged_seq)


async def read_groups(database: Database, account_id: int, after: int, most: int) -> list[Group]:
    """Whole groups after that number, which ends one."""
    rows = await database.fetch("news_groups", account_id, after, most)
    return [
        Group(
            row["seq"],
            row["type"],
            to_ms(row["at"]),
            row["ids"],
            row["ids"] if row["type"].startswith("lead.") else row["lead_ids"],
            row["batch_ids"],
            _extra(row),
        )
        for row in rows
    ]


async def count_events(database: Database, account_id: int, narrow: Narrow = EVERYTHING) -> int:
    """How many are kept. With a filter that walks over them all, and may take seconds."""
    if narrow == EVERYTHING:
        head = await head_of(database, account_id)
        return head.seq - head.purged_seq
    row = await database.fetch_row("news_count", account_id, *msgspec.structs.astuple(narrow))
    assert row is not None
    return int(row["events"])


async def _read(
    database: Database, name: str, account_id: int, after: int, upto: int, narrow: Narrow, limit: int
) -> list[Event]:
    rows = await database.fetch(
        name,
        account_id,
        after,
        upto,
        narrow.types,
        narrow.lead_id,
        narrow.batch_id,
        limit,
        narrow.created,
    )
    return [_event(row) for row in rows]


def _event(row: Row) -> Event:
    return Event(
        row["number"],
        row["type"],
        to_ms(row["at"]),
        row["id"],
        row["lead_id"],
        row["batch_id"],
        _extra(row),
    )


def _extra(row: Row) -> dict[str, Any]:
    return {} if row["extra"] is None else _decode(row["extra"])


def _places(values: list[int], wanted: int) -> list[int]:
    return [place for place, value in enumerate(values) if value == wanted] if wanted in values else []


def _expired() -> Refused:
    return Refused(
        "event-expired",
        "events after that one are no longer kept",
        "they are kept for some days only",
        "begin again without a cursor, and read the objects themselves once",
    )
