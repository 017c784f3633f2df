"""The law: hours in which, and how often, a person in a region may be called.

The rows are data (`data/us_calling_rules.json`, explained beside it): research, not legal advice. A region
without a row is closed. Hours are the overlap of the country's row, the region's own, its clause for
artificial voices when an AI calls, and its stricter reading when the account asks for it. A row holds from
its date on; where a region has several, the latest that has come into force.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

import msgspec

from scheduler.domain.holidays import HolidayCalendar, Holidays
from scheduler.domain.localtime import MINUTES_OF_DAY, day_from_text, weekday_of
from scheduler.domain.model import Cap

TERRITORIES = frozenset({"US-AS", "US-GU", "US-MP", "US-PR", "US-VI"})
STATE_CENTRAL_ZONE = "America/Chicago"
DAY_S = 86_400

_ALWAYS = -1
"""Before any day that is planned."""

Hours = tuple[int, int]
"""Open minutes of a local day, half-open."""


class Span(msgspec.Struct, frozen=True):
    """`HH:MM` to `HH:MM` on the called party's clock, half-open."""

    start: str
    end: str

    def hours(self) -> Hours:
        return _minute(self.start), _minute(self.end)


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """Hours by kind of day; null closes it."""

    weekday: Span | None
    saturday: Span | None
    sunday: Span | None
    min_gap_s: int | None = None

    def hours_on(self, weekday: int) -> Hours | None:
        span = self.weekday if weekday < 5 else self.saturday if weekday == 5 else self.sunday
        return span.hours() if span else None


class RuleRow(Clause, frozen=True, kw_only=True):
    """One country's or state's rule; `automated` binds AI and recorded voices, `strict` whoever chose it."""

    region: str
    country: str
    state: str | None
    name: str
    holidays_forbidden: bool
    holiday_calendar: str | None
    max_calls_per_24h: int | None
    automated: Clause | None
    strict: Clause | None
    time_basis: str
    time_zones: tuple[str, ...]
    source: str
    confidence: str
    effective_from: str | None = None
    notes: str = ""

    def clauses(self, voice: str, strict: bool) -> Iterable[Clause]:
        yield self
        if self.automated and voice != "human":
            yield self.automated
        if self.strict and strict:
            yield self.strict


class RuleFile(msgspec.Struct, frozen=True):
    """The data file, as far as the planner reads it."""

    revision: str
    base: tuple[RuleRow, ...]
    states: tuple[RuleRow, ...]
    countries: tuple[RuleRow, ...]
    holiday_calendars: dict[str, HolidayCalendar]


class Rules:
    """One revision of the calling rules."""

    def __init__(self, file: RuleFile) -> None:
        self.revision = file.revision
        dated: dict[str, list[tuple[int, RuleRow]]] = {}
        for row in (*file.base, *file.states, *file.countries):
            since = day_from_text(row.effective_from) if row.effective_from else _ALWAYS
            dated.setdefault(row.region, []).append((since, row))
        self._dated = {region: sorted(rows, key=_since) for region, rows in dated.items()}
        self.rows = {region: rows[-1][1] for region, rows in self._dated.items()}
        self.states = {row.region: self.rows[row.region] for row in file.states}
        self._holidays = {name: Holidays(calendar) for name, calendar in file.holiday_calendars.items()}
        self.hours = lru_cache(maxsize=100_000)(self._hours)
        self.hours_of_all = lru_cache(maxsize=200_000)(self._hours_of_all)

    def ref(self, region: str) -> str:
        """What `why[]` cites: the row and the revision it was read from."""
        return f"{region} {self.revision}"

    def knows(self, region: str) -> bool:
        return region in self.rows

    def _hours(self, region: str, voice: str, strict: bool, day: int) -> Hours | None:
        """Open minutes of the region on a local day, None when it is closed or has no row.

        `US` alone means a state that nobody knows: its hours hold in all of them.
        """
        if region == "US":
            return self.hours_of_all(self.all_states(), voice, strict, day)
        start_min, end_min = 0, MINUTES_OF_DAY
        rows = self.rows_of(region, day)
        for row in rows:
            if self.holiday(row, day):
                return None
            for clause in row.clauses(voice, strict):
                hours = clause.hours_on(weekday_of(day))
                if hours is None:
                    return None
                start_min, end_min = max(start_min, hours[0]), min(end_min, hours[1])
        return (start_min, end_min) if rows and start_min < end_min else None

    def _hours_of_all(self, regions: tuple[str, ...], voice: str, strict: bool, day: int) -> Hours | None:
        """Minutes of a local day that are open in every one of `regions`; None without any region."""
        found = [self.hours(region, voice, strict, day) for region in regions]
        opening = [hours for hours in found if hours is not None]
        if not found or len(opening) < len(found):
            return None
        start_min, end_min = max(h[0] for h in opening), min(h[1] for h in opening)
        return (start_min, end_min) if start_min < end_min else None

    def rows_of(self, region: str, day: int | None = None) -> tuple[RuleRow, ...]:
        """The rows in force in a region on a day, its country's first; without a day the newest, in force or
        to come. None when the region is unknown or nothing holds there yet."""
        newest = self.rows.get(region)
        if newest is None:
            return ()
        names = (region,) if newest.country == region else (newest.country, region)
        found = [self._in_force(name, day) for name in names]
        return tuple(row for row in found if row is not None)

    def _in_force(self, region: str, day: int | None) -> RuleRow | None:
        rows = self._dated.get(region, ())
        return next((row for since, row in reversed(rows) if day is None or since <= day), None)

    def all_states(self) -> tuple[str, ...]:
        """The states of the US and DC: where a number without a place may be."""
        return tuple(sorted(set(self.states) - TERRITORIES))

    def zones_of(self, regions: Iterable[str]) -> tuple[str, ...]:
        """Every zone found in these regions."""
        rows = [self.rows[region] for region in regions if region in self.rows]
        return tuple(sorted({zone for row in rows for zone in row.time_zones}))

    def clock_zones(self, regions: Iterable[str]) -> tuple[str, ...]:
        """Zones whose clock a law names, wherever the person is."""
        rows = [self.rows[region] for region in regions if region in self.rows]
        return (STATE_CENTRAL_ZONE,) if any(row.time_basis == "state_central" for row in rows) else ()

    def holiday(self, row: RuleRow, day: int) -> str | None:
        """The holiday on which this row forbids calls."""
        if not row.holidays_forbidden or row.holiday_calendar is None:
            return None
        return self._holidays[row.holiday_calendar].label_of(day)

    def caps_for(self, regions: Iterable[str], voice: str) -> tuple[tuple[Cap, str], ...]:
        """Legal caps of all these regions, each with what to cite. One that is yet to come into force is kept
        already: plans reach ahead."""
        caps: dict[tuple[Cap, str], None] = {}
        for region in regions:
            for row in self.rows_of(region):
                if row.max_calls_per_24h:
                    caps[Cap(row.max_calls_per_24h, DAY_S), self.ref(row.region)] = None
                if row.automated and row.automated.min_gap_s and voice != "human":
                    caps[Cap(1, row.automated.min_gap_s), self.ref(row.region)] = None
        return tuple(caps)


NO_RULES = "none"
_BUILD = "us"
_registered: dict[str, Rules] = {}


@cache
def load() -> Rules:
    """The rules of this build, read once."""
    return read(files("scheduler.domain").joinpath("data/us_calling_rules.json").read_bytes())


def read(text: bytes) -> Rules:
    """A rules file as a value. Raises msgspec.ValidationError."""
    return Rules(msgspec.json.decode(text, type=RuleFile))


def register(book: Rules) -> str:
    """The name by which a policy asks for these rules, beside those of the build: `us@REVISION`.

    Raises ValueError for another book under a revision that is taken: a name means one thing for good.
    """
    name = f"{_BUILD}@{book.revision}"
    if _registered.setdefault(name, book) is not book:
        raise ValueError(f"revision {book.revision} is registered already")
    return name


def named(name: str) -> Rules | None:
    """The rules that a policy names; None for `none`. Raises ValueError for any other."""
    if name == NO_RULES:
        return None
    found = load() if name == _BUILD else _registered.get(name)
    if found is None:
        raise ValueError(f"unknown rules: choose one of {', '.join((_BUILD, NO_RULES, *_registered))}")
    return found


@lru_cache(maxsize=10_000)
def caps_for(regions: tuple[str, ...], voice: str, name: str = _BUILD) -> tuple[tuple[Cap, str], ...]:
    """Legal caps of all candidate regions, each with what to cite."""
    book = named(name)
    return book.caps_for(regions, voice) if book else ()


def _since(dated: tuple[int, RuleRow]) -> int:
    return dated[0]


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
