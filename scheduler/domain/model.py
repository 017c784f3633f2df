"""The words of the domain as types: what is planned, for whom, under which policy, and what came of it.

Everything here is a value: frozen, comparable, without behaviour that needs I/O or a clock.
Enumerations follow the API contract, section 3.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from scheduler.domain.time import Ms


class Channel(StrEnum):
    CALL = "call"
    SMS = "sms"
    EMAIL = "email"
    VOICEMAIL_DROP = "voicemail_drop"


class Outcome(StrEnum):
    """What the network reported."""

    COMPLETED = "completed"
    VOICEMAIL = "voicemail"
    NOT_REACHED = "not_reached"
    BUSY = "busy"
    ANSWERED = "answered"
    ERROR = "error"
    INVALID_NUMBER = "invalid_number"
    NUMBER_BLOCKED = "number_blocked"
    UNKNOWN = "unknown"
    CANCELED = "canceled"


class Disposition(StrEnum):
    """What the conversation meant."""

    CONVERTED = "converted"
    NOT_CONVERTED = "not_converted"
    APPOINTMENT = "appointment"
    CALLBACK = "callback"
    DNC = "dnc"
    COMPLAINT = "complaint"
    WRONG_NUMBER = "wrong_number"
    REPLIED = "replied"


class AttemptKind(StrEnum):
    FIRST = "first"
    IMMEDIATE_CALLBACK = "immediate_callback"
    CADENCE = "cadence"
    CALLBACK = "callback"
    MANUAL = "manual"


class LaneClass(StrEnum):
    """Who goes first on the wheel: live, then the others by virtual time; bulk keeps its floor."""

    LIVE = "live"
    CALLBACK = "callback"
    FOLLOW_UP = "follow-up"
    BULK = "bulk"


class Priority(StrEnum):
    LIVE = "live"
    BULK = "bulk"


class LoopStatus(StrEnum):
    SCHEDULED = "scheduled"
    DIALING = "dialing"
    AWAITING_RESULT = "awaiting_result"
    WAITING_CALLBACK = "waiting_callback"
    PAUSED = "paused"
    ENDED = "ended"


class EndReason(StrEnum):
    REACHED = "reached"
    CONVERTED = "converted"
    DNC = "dnc"
    MAX_ATTEMPTS = "max_attempts"
    MAX_RETRY_DAYS = "max_retry_days"
    CONSECUTIVE_ERRORS = "consecutive_errors"
    CONSENT_MISSING = "consent_missing"
    INVALID_NUMBER = "invalid_number"
    CADENCE_COMPLETE = "cadence_complete"
    TRANSITIONED = "transitioned"
    REMOVED = "removed"
    NO_CALLABLE_TIME = "no_callable_time"


class Why(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the answer to "why then?", in the order applied.

    `rule` is one of strategy, routing, daypart, callback, dialer_window, cadence_window, statutory_window,
    no_call_day, frequency_cap, pause, throttle, jitter, manual; `effect` one of set, moved, kept, blocked.
    """

    rule: str
    effect: str
    from_at: Ms | None = None
    to_at: Ms | None = None
    detail: str = ""
    ref: str = ""


class Place(msgspec.Struct, frozen=True, cache_hash=True):
    """Where a lead may be: every candidate counts for the law, the own zones for our windows.

    `zones` and `regions` are sorted and hold what was stated and what the number implies (all of the
    country's when nothing is known). `own_zones`: the stated zone alone if it is valid, else the number's
    candidates; empty means the account's zone. `source`: stated, number or unknown.
    """

    zones: tuple[str, ...]
    regions: tuple[str, ...]
    own_zones: tuple[str, ...]
    source: str


class Cap(msgspec.Struct, frozen=True):
    """At most `max_calls` contacts of one person in any `window_s` seconds."""

    max_calls: int
    window_s: int


class Range(msgspec.Struct, frozen=True):
    """Half-open wall-clock range of a day, in minutes from midnight: 0 <= start < end <= 1440."""

    start_min: int
    end_min: int


Week: TypeAlias = tuple[tuple[Range, ...], ...]
"""Seven days from Monday, each with its open ranges in order; an empty day is closed."""


class NoCallDay(msgspec.Struct, frozen=True):
    """A date (YYYY-MM-DD, in the lead's own zone) on which nobody is called."""

    date: str
    label: str = ""


class Policy(msgspec.Struct, frozen=True, cache_hash=True):
    """All settings that decide when a loop's next attempt is due: account and agent, at one version.

    `windows` are the agent's own or the account's; `zone` is the one they are read in when a lead has none.
    `seed` makes jitter repeatable. `rules` names the calling rules: "us" or "none".
    """

    version: int
    strategy: str
    zone: str
    windows: Week
    intensity: str = "moderate"
    max_attempts: int | None = 7
    max_retry_days: int | None = None
    immediate_callback: bool = True
    stop_on: str = "converted"
    max_consecutive_errors: int = 2
    voice: str = "ai"
    strict: bool = True
    live_after_hours: bool = False
    no_call_days: tuple[NoCallDay, ...] = ()
    frequency_caps: tuple[Cap, ...] = (Cap(3, 86_400),)
    jitter_max_s: int = 900
    rules: str = "us"
    seed: int = 0


class Lead(msgspec.Struct, frozen=True):
    """What of a person matters to the planner.

    `key`: external id or keyed hash of the phone, the stable part of every jitter. `contacts`: the latest
    instants, oldest first, at which the phone may have rung within the longest cap window, over all loops.
    """

    key: str
    place: Place
    priority: Priority = Priority.BULK
    contacts: tuple[Ms, ...] = ()
    consent: bool = False


class Loop(msgspec.Struct, frozen=True):
    """One follow-up so far. `history`: when each attempt was dialled, oldest first (its length is the number
    of attempts used). `step`: the strategy's own position. `started_at_ms`: enrolment."""

    started_at_ms: Ms
    run: int = 1
    step: int = 0
    history: tuple[Ms, ...] = ()
    consecutive_errors: int = 0
    postponed: int = 0


class Result(msgspec.Struct, frozen=True):
    """How an attempt ended. `callback_at_ms`: when the person asked to be called (disposition callback)."""

    outcome: Outcome
    ended_at_ms: Ms
    kind: AttemptKind = AttemptKind.CADENCE
    disposition: str | None = None
    callback_at_ms: Ms | None = None
    error: str | None = None


class Planned(msgspec.Struct, frozen=True):
    """The next attempt. It may be dialled in [at_ms, open_until_ms) under this policy and these contacts;
    `open_until_ms` is the exclusive closing instant, without the margin that the arm and the gate keep."""

    at_ms: Ms
    open_until_ms: Ms
    kind: AttemptKind
    step: int
    lane_class: LaneClass
    channel: Channel
    why: tuple[Why, ...]


class Waiting(msgspec.Struct, frozen=True):
    """Nothing is planned before somebody or something answers: at the latest at `until_ms`."""

    until_ms: Ms
    why: tuple[Why, ...]


class Ended(msgspec.Struct, frozen=True):
    """The loop is over, for `reason`, as of `at_ms`."""

    reason: EndReason
    at_ms: Ms
    why: tuple[Why, ...] = ()


Plan: TypeAlias = Planned | Waiting | Ended
