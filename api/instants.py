"""Instants as the API writes them: RFC 3339 in UTC with milliseconds, and as a person's own clock shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from scheduler.domain.localtime import offset_of
from scheduler.domain.time import MINUTE, Ms
from scheduler.ledger.instants import EPOCH, to_ms

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""What anybody can mean by an appointment lies between."""


def utc(at: datetime) -> str:
    if at.tzinfo is not UTC:  # the ledger's are
        at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def utc_or_none(at: datetime | None) -> str | None:
    return None if at is None else utc(at)


def utc_ms(at_ms: Ms | None) -> str | None:
    return None if at_ms is None else utc(EPOCH + timedelta(milliseconds=at_ms))


def local(at: datetime | None, zone: str) -> str | None:
    """With the offset that `zone` has at that instant."""
    if at is None:
        return None
    offset = timedelta(minutes=round(offset_of(zone, to_ms(at)) / MINUTE))
    return at.astimezone(timezone(offset)).isoformat(timespec="milliseconds")


def sensible(at: datetime) -> bool:
    return EARLIEST <= at < LATEST
