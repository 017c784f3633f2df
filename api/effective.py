"""When leads may in fact be called: what law, closings, windows and no-call days leave together."""

from __future__ import annotations

from api.instants import local, utc_ms
from api.schemas import WhyLine
from api.schemas_effective import Gap, OpenTime
from scheduler.domain.calendars import Calendar
from scheduler.domain.model import Place, Why
from scheduler.domain.numbers import anywhere_in_the_us
from scheduler.domain.openings import Interval
from scheduler.domain.places import combine
from scheduler.domain.reasons import moved_reasons
from scheduler.domain.time import DAY, Ms
from scheduler.ledger.instants import to_datetime

NOWHERE = Place((), (), (), "unknown")

BEYOND_MS: Ms = 30 * DAY
"""A gap that goes on past the end is followed so far: what closes it may come from any rule."""


def place_at(timezone: str | None, region: str | None) -> Place:
    """Where a lead is of whom only this is known. Raises UnknownZone."""
    return combine(anywhere_in_the_us() if region is None else NOWHERE, timezone, region)


def open_times(calendar: Calendar, from_ms: Ms, until_ms: Ms) -> list[OpenTime]:
    return [
        OpenTime(
            start_at=utc_ms(start_ms) or "",
            start_at_local=local(to_datetime(start_ms), calendar.zone),
            end_at=utc_ms(end_ms) or "",
            end_at_local=local(to_datetime(end_ms), calendar.zone),
        )
        for start_ms, end_ms in calendar.open.between(from_ms, until_ms)
    ]


def gaps(calendar: Calendar, from_ms: Ms, until_ms: Ms) -> list[Gap]:
    """The times between, each with the rules that move a call out of it."""
    return [
        Gap(
            start_at=utc_ms(start_ms) or "",
            end_at=utc_ms(end_ms) or "",
            why=[_line(why) for why in _reasons(calendar, start_ms, end_ms, until_ms)],
        )
        for start_ms, end_ms in _between(calendar.open.between(from_ms, until_ms), from_ms, until_ms)
    ]


def _between(opened: list[Interval], from_ms: Ms, until_ms: Ms) -> list[Interval]:
    edges = [from_ms, *(edge for interval in opened for edge in interval), until_ms]
    return [
        (start_ms, end_ms)
        for start_ms, end_ms in zip(edges[::2], edges[1::2], strict=True)
        if start_ms < end_ms
    ]


def _reasons(calendar: Calendar, start_ms: Ms, end_ms: Ms, until_ms: Ms) -> tuple[Why, ...]:
    if end_ms == until_ms:
        following = calendar.open.first(end_ms, end_ms + BEYOND_MS)
        end_ms = following[0] if following else end_ms + BEYOND_MS
    return moved_reasons(calendar, start_ms, end_ms, None, 1)


def _line(why: Why) -> WhyLine:
    return WhyLine(
        rule=why.rule,
        effect=why.effect,
        from_at=utc_ms(why.from_at),
        to_at=utc_ms(why.to_at),
        detail=why.detail,
        ref=why.ref or None,
    )
