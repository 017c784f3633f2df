"""The question to a preview: whose policy, which lead, and how its calls end.

Everything but `policy`, `lead` and `start_at` has the product's default. Names and forms are the API's.
"""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from scheduler.domain.cadence_form import CadenceForm
from scheduler.errors import UsageError

T = TypeVar("T")

Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=366 * 86_400)]
Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
Given: TypeAlias = T | UnsetType
"""UNSET: the preset's own or the product's default."""


class Form(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An object of the spec."""


class PolicySpec(Form):
    """An agent's dialing settings, or a preset, of which single settings may be changed."""

    preset: str | None = None
    strategy: Literal["followup", "smart", "intervals", "cadence"] | None = None
    intensity: Given[Literal["aggressive", "moderate", "conservative"]] = UNSET
    intervals_s: Given[
        Annotated[list[Annotated[int, Meta(ge=60, le=90 * 86_400)]], Meta(min_length=1, max_length=50)]
    ] = UNSET
    cadence: CadenceForm | None = None
    max_attempts: Given[Annotated[int, Meta(ge=1, le=100)] | None] = UNSET
    max_retry_days: Given[Annotated[int, Meta(ge=0, le=365)] | None] = UNSET
    immediate_callback: Given[bool] = UNSET
    stop_on: Given[Literal["reached", "converted"] | None] = UNSET
    max_consecutive_errors: Given[Annotated[int, Meta(ge=1, le=10)]] = UNSET


class RangeSpec(Form):
    start: str
    end: str


class DaySpec(Form):
    enabled: bool = True
    ranges: list[RangeSpec] = []


class WindowsSpec(Form):
    mon: DaySpec | None = None
    tue: DaySpec | None = None
    wed: DaySpec | None = None
    thu: DaySpec | None = None
    fri: DaySpec | None = None
    sat: DaySpec | None = None
    sun: DaySpec | None = None


class NoCallDaySpec(Form):
    date: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    label: str = ""
    regions: list[str] = []
    repeat: Literal["none", "yearly"] = "none"


class ClosureSpec(Form):
    starts_at: Instant
    ends_at: Instant
    regions: list[str] = []
    reason: str = ""


class CapSpec(Form):
    max: Annotated[int, Meta(ge=1, le=1000)]
    window_s: Seconds
    channels: tuple[str, ...] = ("call",)
    scope: Literal["person", "number"] = "person"


class LeadSpec(Form):
    """`variables` and `tags` are what a cadence's conditions read."""

    phone: str
    external_id: str | None = None
    timezone: str | None = None
    region: str | None = None
    appointment_at: Instant | None = None
    consent: str | None = None
    tags: list[str] = []
    variables: dict[str, Any] = {}


class OutcomeSpec(Form):
    """How a call ends. `callback`: when the person asked to be called, an instant or words of theirs."""

    outcome: Literal[
        "completed", "voicemail", "not_reached", "busy", "answered", "error", "invalid_number",
        "number_blocked", "unknown", "canceled",
    ]  # fmt: skip
    disposition: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    callback: Annotated[str, Meta(max_length=200)] | None = None
    duration_s: Annotated[int, Meta(ge=0, le=86_400)] = 25
    error: Annotated[str, Meta(max_length=200)] | None = None


class Course(Form, kw_only=True):
    """How calls end, and how many are played: `outcomes` are used up in order, then `otherwise` repeats."""

    outcomes: Annotated[list[OutcomeSpec], Meta(max_length=1_000)] = []
    otherwise: OutcomeSpec = msgspec.field(default_factory=lambda: OutcomeSpec(outcome="not_reached"))
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] = 1
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 50


class Spec(Course, kw_only=True):
    policy: PolicySpec
    lead: LeadSpec
    start_at: Instant
    windows: WindowsSpec | None = None
    no_call_days: list[NoCallDaySpec] = []
    closures: list[ClosureSpec] = []
    frequency_caps: list[CapSpec] = msgspec.field(default_factory=lambda: [CapSpec(max=3, window_s=86_400)])
    rules: Literal["us", "none"] = "us"
    voice: Literal["ai", "human"] = "ai"
    stop_on: Literal["reached", "converted"] | None = None
    jitter_max_s: Annotated[int, Meta(ge=0, le=3_600)] = 900
    live_after_hours: bool = False
    priority: Given[Literal["live", "bulk"]] = UNSET


def wrong(pointer: str, why: str, do: str) -> UsageError:
    """What is wrong with the spec, at a JSON pointer."""
    return UsageError(f"{pointer or 'the spec'}: {why}", "the spec says something impossible there", do)


def read_spec(raw: bytes) -> Spec:
    """Raises UsageError that names the place and, for a misspelt name, the nearest known one."""
    try:
        return msgspec.json.decode(raw, type=Spec)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # imported where something is wrong: it takes as long as all the rest
    from api.decoding import decode_body
    from api.problems import Problem

    try:
        return decode_body(raw, Spec)
    except Problem as problem:
        raise _told(problem, raw) from None


def _told(problem: Any, raw: bytes) -> UsageError:
    """A problem of the API as the three lines of a command."""
    if not problem.errors:
        return UsageError("the spec is no JSON", problem.detail, "see docs/preview.md for one that is")
    error = problem.errors[0]
    where = error.pointer or "the spec"
    do = _nearest(error.hint, error.pointer, raw) or error.hint or "see docs/preview.md"
    return UsageError(f"{where}: {error.detail}", _WHY[error.code], do)


def _nearest(hint: str, pointer: str, raw: bytes) -> str:
    """Of the known values that the hint lists, the one that was meant, if one is near."""
    if not hint.startswith(_KNOWN):
        return ""
    value = msgspec.json.decode(raw)
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step]
    near = get_close_matches(str(value), hint.removeprefix(_KNOWN).split(", "), 1, cutoff=0.6)
    return f"did you mean `{near[0]}`? {hint}" if near else ""


_KNOWN = "known: "


_WHY = {
    "unknown-field": "the spec has a field that does not exist",
    "required": "the spec lacks a field that has no default",
    "invalid": "the field has a value that it cannot have",
    "nul": "no text may hold that character",
}
