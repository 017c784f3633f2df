"""The words of the domain as types: what is planned, for whom, under which policy, and what came of it.

Everything here is a value: frozen, comparable, without behaviour that needs I/O or a clock. What is made for
every plan says `gc=False`: values hold no circles, and looking for some took a sixth of the time of a plan.
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


class Action(StrEnum):
    """What a routing rule does after an attempt: the next step, the same again, a step by its position, wait
    for a person, end the loop, or end it and begin another cadence."""

    NEXT = "next"
    RETRY = "retry"
    GOTO = "goto"
    WAIT = "wait"
    END = "end"
    TRANSITION = "transition"


class Anchor(StrEnum):
    """What a step's time is counted from: the step before it, the start of the run, the appointment."""

    PREVIOUS = "previous"
    START = "start"
    APPOINTMENT = "appointment_at"


class OnComplete(StrEnum):
    """What follows the last run of a cadence."""

    IDLE = "idle"
    RESTART = "restart"
    TRANSITION = "transition"


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


class Why(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


Variable: TypeAlias = str | float | bool | None
"""A lead's variable as conditions see it."""

Week: TypeAlias = tuple[tuple[Range, ...], ...]
"""Seven days from Monday, each with its open ranges in order; an empty day is closed."""


class NoCallDay(msgspec.Struct, frozen=True):
    """A date (YYYY-MM-DD, in the lead's own zone) on which nobody is called; `yearly`: in every year.
    `regions`: only there; empty means everywhere."""

    date: str
    label: str = ""
    regions: tuple[str, ...] = ()
    yearly: bool = False


class Closure(msgspec.Struct, frozen=True):
    """An order that nobody is called in [from_ms, until_ms) wherever one of `regions` (none: everywhere) is a
    candidate. It counts like law: no switch lifts it."""

    from_ms: Ms
    until_ms: Ms
    regions: tuple[str, ...] = ()
    reason: str = ""


class RoutingRule(msgspec.Struct, frozen=True):
    """What follows an attempt that ended with outcome or disposition `on`.

    `delay_s`: instead of the step's own delay. `step`: position of the step to go to, from 1. `cadence_id`:
    where a transition leads. `max`: how often in one run at most; then the rules after it are tried.
    """

    on: str
    action: Action = Action.NEXT
    delay_s: int | None = None
    step: int | None = None
    cadence_id: str = ""
    max: int | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One touch of a cadence.

    Its time: `delay_after_s` of the step before it, or `offset_s` from its `anchor` (negative: before it, and
    outside the hours the earlier slot). `daypart`: any, morning, afternoon, evening, or rotate. `when`: a
    condition (see `conditions`) without which the step is left out; empty means always. The rest is for
    whoever makes the contact; `variables` are (name, template) pairs, `metadata` is JSON. `step_id` is its
    own through all versions of the cadence, 0 where it has none.
    """

    step_id: int = 0
    name: str = ""
    channel: Channel = Channel.CALL
    delay_after_s: int = 0
    anchor: Anchor = Anchor.PREVIOUS
    offset_s: int = 0
    daypart: str = "any"
    routing: tuple[RoutingRule, ...] = ()
    when: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    script: str = ""
    caller_id: str = "random"
    caller_id_pool: tuple[str, ...] = ()
    voicemail: bool = False
    voicemail_message: str = ""
    metadata: str = ""


class Cadence(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A versioned sequence of steps, gone through `runs` times.

    `cadence_id` and `version` say which one it is. `windows` narrow the agent's. `complete_delay_s` lies
    between the last step's own delay and what `on_complete` says; `next_cadence_id` is where a transition
    leads.
    """

    steps: tuple[Step, ...]
    name: str = ""
    cadence_id: str = ""
    version: int = 0
    windows: Week | None = None
    initial_delay_s: int = 0
    runs: int = 1
    on_complete: OnComplete = OnComplete.IDLE
    complete_delay_s: int = 0
    next_cadence_id: str = ""


DEFAULT_INTERVALS_S = (1_200, 3_600, 9_000, 14_400, 86_400, 172_800)
"""20 min, 1 h, 2 h 30, 4 h, 24 h, 48 h."""


class Policy(msgspec.Struct, frozen=True, cache_hash=True):
    """All settings that decide when a loop's next attempt is due: account and agent, at one version.

    `windows` are the agent's own or the account's; `zone` is the one they are read in when a lead has none.
    `seed` makes jitter repeatable. `rules` names the calling rules: "us" (of this build), "us@" with the
    revision of others that were registered, or "none". `intervals_s`: the wait after each attempt, the last
    one repeating. `cadence`: for the strategy of that name. `consent_required`: who has not
    agreed is not called.
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
    intervals_s: tuple[int, ...] = DEFAULT_INTERVALS_S
    cadence: Cadence | None = None
    closures: tuple[Closure, ...] = ()
    consent_required: bool = False


class Lead(msgspec.Struct, frozen=True, gc=False):
    """What of a person matters to the planner.

    `key`: external id or keyed hash of the phone, the stable part of every jitter. `contacts`: the latest
    instants, oldest first, at which the phone may have rung within the longest cap window, over all loops.
    `variables` and `tags` are what conditions of cadences read. `quiet_until_ms`: the lead gave a sign of
    life, and nothing but a callback that it asked for comes before. `consent_until_ms`: `consent` ends then.
    """

    key: str
    place: Place
    priority: Priority = Priority.BULK
    contacts: tuple[Ms, ...] = ()
    consent: bool = False
    appointment_at_ms: Ms | None = None
    tags: tuple[str, ...] = ()
    variables: dict[str, Variable] = msgspec.field(default_factory=dict)
    quiet_until_ms: Ms | None = None
    consent_until_ms: Ms | None = None


class Touch(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What an attempt of a cadence was: which step in which run, and what came of it. `gone_wait_s`: set when
    that step was taken out of the cadence; `step` is then the one before its place (-1: none), and this the
    wait after it."""

    step: int
    run: int
    kind: AttemptKind
    dialled_at_ms: Ms
    ended_at_ms: Ms
    outcome: Outcome
    disposition: str | None = None
    gone_wait_s: int | None = None


class AskedFor(StrEnum):
    """What somebody has said of a loop's next attempt."""

    CALLBACK = "callback"  # the person asked to be called then, in place of what was planned
    TIME = "time"  # the attempt that is planned anyway, but then
    NOTHING = "nothing"  # the callback that the last call asked for was taken back


class Asked(msgspec.Struct, frozen=True):
    """What was asked for since the loop's last attempt began. `at_ms` is None for nothing."""

    what: AskedFor
    at_ms: Ms | None = None


class Loop(msgspec.Struct, frozen=True, gc=False):
    """One follow-up so far. `history`: when each attempt was dialled, oldest first (its length is the number
    of attempts used). `step`: the strategy's own position. `started_at_ms`: enrolment, or the time from which
    a loop that another cadence hands over is to run. `blocked`: how often the callee's carrier refused.
    `trail`: the attempts of a cadence, oldest first, since its routing asks which step led where. `once`: it
    was made for one call that a person of ours asked for. `asked`: what was said of its next attempt."""

    started_at_ms: Ms
    run: int = 1
    step: int = 0
    history: tuple[Ms, ...] = ()
    consecutive_errors: int = 0
    postponed: int = 0
    blocked: int = 0
    trail: tuple[Touch, ...] = ()
    once: bool = False
    asked: Asked | None = None


class Result(msgspec.Struct, frozen=True, gc=False):
    """How an attempt ended. `callback_at_ms`: when the person asked to be called (disposition callback).
    `step` and `run`: those of the plan that was dialled; only cadences need them."""

    outcome: Outcome
    ended_at_ms: Ms
    kind: AttemptKind = AttemptKind.CADENCE
    disposition: str | None = None
    callback_at_ms: Ms | None = None
    error: str | None = None
    step: int | None = None
    run: int = 1


class Planned(msgspec.Struct, frozen=True, gc=False):
    """The next attempt. It may be dialled in [at_ms, open_until_ms) under this policy and these contacts;
    `open_until_ms` is the exclusive closing instant, without the margin that the arm and the gate keep.
    `rules_revision`: of the calling rules it rests on, empty without rules."""

    at_ms: Ms
    open_until_ms: Ms
    kind: AttemptKind
    step: int
    lane_class: LaneClass
    channel: Channel
    why: tuple[Why, ...]
    run: int = 1
    rules_revision: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """Nothing is dialled before somebody or something answers: at the latest at `until_ms`, and then comes
    what `then` plans already."""

    until_ms: Ms
    why: tuple[Why, ...]
    then: Planned | None = None


class Ended(msgspec.Struct, frozen=True):
    """The loop is over, for `reason`, as of `at_ms`. After a transition the lead enters the cadence
    `next_cadence_id` at `next_start_at_ms`."""

    reason: EndReason
    at_ms: Ms
    why: tuple[Why, ...] = ()
    next_cadence_id: str = ""
    next_start_at_ms: Ms | None = None


Plan: TypeAlias = Planned | Waiting | Ended
