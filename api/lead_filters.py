"""What narrows and orders lists of leads, from parameters or a body, and the cursors of their pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from api.problems import Problem
from api.requests_leads import LeadFilterIn, LeadsQuery
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.ledger.leads import LeadFilter, Place, Sort
from scheduler.public_ids import PublicIds


class Order(msgspec.Struct, frozen=True):
    """`-created_at`: the newest first."""

    sort: Sort
    descending: bool

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.sort}"


def order_of(said: str) -> Order:
    """`said` is one of the values of `SortBy`."""
    return Order(cast(Sort, said.removeprefix("-")), said.startswith("-"))


def filter_of_query(ids: PublicIds, said: LeadsQuery) -> LeadFilter | None:
    """None when no lead can match: an id that is nobody's."""
    agents, batches = _numbers(ids, "agt", said.agent_id), _numbers(ids, "bat", said.batch_id)
    cadences = _numbers(ids, "cad", said.cadence_id)
    if () in (agents, batches, cadences):
        return None
    return LeadFilter(
        external_ids=_each(said.external_id),
        statuses=_each(said.status),
        agent_ids=agents,
        batch_ids=batches,
        cadence_ids=cadences,
        priority=said.priority[0]
        if said.priority and len(set(said.priority)) == 1
        else None,  # there are two
        tags=_each(said.tag),
        created_from=said.created_from,
        created_until=said.created_until,
    )


def filter_of_body(ids: PublicIds, said: LeadFilterIn) -> LeadFilter | None:
    """None when no lead can match: an id or a phone that cannot be anybody's."""
    agents, batches = _numbers(ids, "agt", said.agent_id), _numbers(ids, "bat", said.batch_id)
    cadences = _numbers(ids, "cad", said.cadence_id)
    if () in (agents, batches, cadences):
        return None
    phone = None
    if said.phone is not None:
        try:
            phone = normalize(said.phone)
        except BadNumber:
            return None
    return LeadFilter(
        phone=phone,
        external_ids=_each(said.external_id),
        email=said.email,
        name=said.name,
        statuses=_each(said.status),
        agent_ids=agents,
        batch_ids=batches,
        cadence_ids=cadences,
        priority=said.priority,
        tags=_each(said.tag),
        created_from=None if said.created_at is None else said.created_at.gte,
        created_until=None if said.created_at is None else said.created_at.lt,
    )


def write_cursor(ids: PublicIds, order: Order, place: Place) -> str:
    """Where a page ended, which nobody else can read; good for the same order only."""
    return ids.seal("cur", str(order), msgspec.json.encode(place))


def read_cursor(ids: PublicIds, order: Order, cursor: str | None) -> Place | None:
    """Raises Problem 400 for anything that `write_cursor` never made for this order."""
    if cursor is None:
        return None
    place = ids.unseal("cur", str(order), cursor)
    if place is None:
        raise Problem("invalid-cursor")
    return msgspec.json.decode(place, type=Place)


def _numbers(ids: PublicIds, prefix: str, said: str | Sequence[str] | None) -> tuple[int, ...] | None:
    if said is None:
        return None
    found = (ids.read(prefix, one) for one in ([said] if isinstance(said, str) else said))
    return tuple(number for number in found if number is not None)


def _each(said: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if said is None else (said,) if isinstance(said, str) else tuple(said)
