"""Open times and the law behind them, as they are answered."""

from __future__ import annotations

import msgspec

from api.schemas import WhyLine


class OpenTime(msgspec.Struct):
    """Calls may be placed from `start_at` until `end_at`."""

    start_at: str
    start_at_local: str | None
    end_at: str
    end_at_local: str | None


class Gap(msgspec.Struct):
    """Nobody is called meanwhile; `why`: each rule that moves a call on, to where it would allow it."""

    start_at: str
    end_at: str
    why: list[WhyLine]


class Effective(msgspec.Struct):
    """The open times that law, closings, windows and no-call days leave together, and the rules behind each
    gap between them. `timezone` is that of the local twins; the law holds in all `timezones` and `regions`.
    """

    object: str
    lead_id: str | None
    agent_id: str
    cadence_id: str | None
    from_at: str
    until_at: str
    timezone: str
    timezones: list[str]
    regions: list[str]
    open: list[OpenTime]
    gaps: list[Gap]


class RuleHours(msgspec.Struct):
    """Wall clock of the called party; null: nobody is called that day."""

    weekday: list[str] | None
    saturday: list[str] | None
    sunday: list[str] | None


class RuleCap(msgspec.Struct):
    max: int
    window_s: int
    why: str


class Rule(msgspec.Struct):
    """The rule of a country or a state: research, not legal advice. Beside its own `hours` those of its
    country hold, `automated_hours` for artificial voices, `strict_hours` in an account that is `strict`."""

    object: str
    region: str
    name: str
    hours: RuleHours
    automated_hours: RuleHours | None
    strict_hours: RuleHours | None
    holidays_forbidden: bool
    frequency_caps: list[RuleCap]
    timezones: list[str]
    source: str
    confidence: str
    effective_from: str | None
    notes: str


class Rulebook(msgspec.Struct):
    """`revision` is what `why[]` cites."""

    revision: str
    data: list[Rule]
