"""Clocks on people's walls: from instants to local days and minutes, and back.

A day is the number of days since 1970-01-01 (a Thursday), a minute counts from local midnight. Nothing else
in the domain touches local time. Answers are kept: a zone's offset by the quarter hour, as no zone has
changed its clocks at any other instant since 1972, and each boundary of a day once asked for.
"""

from __future__ import annotations

from functools import lru_cache

from whenever import Date, Instant, PlainDateTime, ZonedDateTime

from scheduler.domain import zones
from scheduler.domain.time import DAY, MINUTE, Ms

assert zones.TZDATA_VERSION  # imported first: it pins the zone data

QUARTER: Ms = 15 * MINUTE
MINUTES_OF_DAY = 1440
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_EPOCH = Date(1970, 1, 1)
_OFFSETS_KEPT = 200_000
_offsets: dict[tuple[str, int], Ms] = {}


def offset_of(zone: str, at_ms: Ms) -> Ms:
    """What the zone's clocks show at `at_ms`, less UTC."""
    key = (zone, at_ms // QUARTER)
    offset = _offsets.get(key)
    if offset is None:
        start_ms = key[1] * QUARTER
        shown = Instant.from_timestamp(start_ms, unit="millisecond").to_tz(zone).to_plain()
        offset = shown.assume_utc().timestamp(unit="millisecond") - start_ms
        if len(_offsets) >= _OFFSETS_KEPT:
            _offsets.clear()
        _offsets[key] = offset
    return offset


def day_of(zone: str, at_ms: Ms) -> int:
    """The local date at `at_ms`, as a day number."""
    return (at_ms + offset_of(zone, at_ms)) // DAY


def minute_of(zone: str, at_ms: Ms) -> int:
    """Minutes on the local clock since midnight at `at_ms`."""
    return (at_ms + offset_of(zone, at_ms)) % DAY // MINUTE


def weekday_of(day: int) -> int:
    """0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


def day_start(zone: str, day: int) -> Ms:
    """First instant of the local day."""
    return _instants(zone, day, 0)[0]


@lru_cache(maxsize=100_000)
def opening_and_closing(zone: str, day: int, start_min: int, end_min: int) -> tuple[Ms, Ms]:
    """The instants between which the local clock reads from `start_min` up to, not including, `end_min`.

    Where clocks jump over a boundary it is the instant of the jump. Where an hour comes twice, the range
    opens when its start comes for the second time and closes when its end comes for the first, so that at no
    instant inside the clock reads anything outside; a range within that hour is the first of the two.
    """
    start = _instants(zone, day, start_min)
    end_ms = _instants(zone, day, end_min)[0]
    opens_ms = start[0] if start_min == 0 or start[1] >= end_ms else start[1]
    return opens_ms, end_ms


def date_text(day: int) -> str:
    """2026-11-23."""
    return _EPOCH.add(days=day).format_iso()


def day_from_text(date: str) -> int:
    """The number of the day written YYYY-MM-DD. Raises ValueError."""
    return day_from_date(Date.parse_iso(date))


def day_from_date(date: Date) -> int:
    return int(date.since(_EPOCH, total="days"))


def date_from_day(day: int) -> Date:
    return _EPOCH.add(days=day)


def minute_text(minute: int) -> str:
    """09:05."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def clock_text(zone: str, at_ms: Ms) -> str:
    """Mon 2026-11-23 09:05 America/New_York."""
    day = day_of(zone, at_ms)
    return f"{WEEKDAYS[weekday_of(day)]} {date_text(day)} {minute_text(minute_of(zone, at_ms))} {zone}"


@lru_cache(maxsize=100_000)
def _instants(zone: str, day: int, minute: int) -> tuple[Ms, Ms]:
    """First and last instant at which the clock reads `minute` of `day`: twice the jump if it never does."""
    if minute == MINUTES_OF_DAY:
        return _instants(zone, day + 1, 0)
    date = _EPOCH.add(days=day)
    wanted = PlainDateTime(date.year, date.month, date.day, minute // 60, minute % 60)
    first = wanted.assume_tz(zone, disambiguation="earlier")
    second = wanted.assume_tz(zone, disambiguation="later")
    if first.to_plain() != wanted:
        jump_ms = _ms(_next_jump(first))
        return jump_ms, jump_ms
    return _ms(first), _ms(second)


def _next_jump(before: ZonedDateTime) -> ZonedDateTime:
    jump = before.next_transition()
    assert jump is not None  # a wall time that does not exist lies in a jump
    return jump


def _ms(moment: ZonedDateTime) -> Ms:
    return moment.timestamp(unit="millisecond")
