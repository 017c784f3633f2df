"""Instants at the border of the ledger: milliseconds inside, timestamptz outside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from scheduler.domain.time import Ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY_ZERO = EPOCH.toordinal()


def to_datetime(at_ms: Ms) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)


def to_datetime_or_none(at_ms: Ms | None) -> datetime | None:
    return None if at_ms is None else EPOCH + timedelta(milliseconds=at_ms)


def to_ms(at: datetime) -> Ms:
    return (at - EPOCH) // _MILLISECOND


def to_ms_or_none(at: datetime | None) -> Ms | None:
    return None if at is None else (at - EPOCH) // _MILLISECOND


def to_date(day: int) -> date:
    """The day of that number since 1970-01-01."""
    return date.fromordinal(_DAY_ZERO + day)


def to_ms_tuple(instants: Iterable[datetime]) -> tuple[Ms, ...]:
    return tuple([(at - EPOCH) // _MILLISECOND for at in instants])
