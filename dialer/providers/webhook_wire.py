"""How an integrator's dialer speaks: refusals, answers to look-ups, reports; and what they mean."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeGuard, cast
from uuid import UUID

import msgspec
from msgspec import Meta

from dialer.providers.base import ProviderEvent
from scheduler.domain.model import Outcome
from scheduler.domain.time import DAY, Ms
from scheduler.flow.lookup import CannotSay, Found, FoundCall, Lookup
from scheduler.ledger.instants import to_datetime, to_datetime_or_none, to_ms, to_ms_or_none
from scheduler.logs import mask_phones

Status = Literal[
    "queued",
    "initiated",
    "ringing",
    "answered",
    "in_progress",
    "completed",
    "voicemail",
    "busy",
    "no_answer",
    "failed",
    "invalid_number",
    "number_blocked",
    "canceled",
]
KIND = {
    "queued": "queued",
    "initiated": "initiated",
    "ringing": "ringing",
    "answered": "answered",
    "in_progress": "answered",
}
FINAL = {
    "completed": Outcome.COMPLETED,
    "voicemail": Outcome.VOICEMAIL,
    "busy": Outcome.BUSY,
    "no_answer": Outcome.NOT_REACHED,
    "failed": Outcome.ERROR,
    "invalid_number": Outcome.INVALID_NUMBER,
    "number_blocked": Outcome.NUMBER_BLOCKED,
    "canceled": Outcome.CANCELED,
}
"""Statuses that end a call, and how."""

STATUS_OF = {outcome.value: status for status, outcome in FINAL.items()}

STATES = {"queued": "accepted", "initiated": "accepted", "ringing": "ringing", "answered": "in_call"}
"""Of a kind, as a look-up says it."""

OLDEST_MS: Ms = DAY
"""A report is not older, whatever its clock says."""

EARLIEST_YEAR, LATEST_YEAR = 2000, 2200

Ref = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[!-~]([ -~]*[!-~])?$")]
Instant = Annotated[datetime, Meta(tz=True)]
Disposition = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
AnsweredBy = Annotated[str, Meta(max_length=40)]
Duration = Annotated[int, Meta(ge=0, le=86_400)]
Reason = Annotated[str, Meta(max_length=500)]


class Refusal(msgspec.Struct, frozen=True):
    """It will not dial. `scope`: whose fault: number, caller_id, account or route, or permit: it came later
    than `arrive_by`. With scope number the `outcome` says what is wrong with it."""

    error: Reason
    scope: Literal["number", "caller_id", "account", "route", "permit"] | None = None
    outcome: Literal["invalid_number", "number_blocked", "error"] | None = None


class Taken(msgspec.Struct, frozen=True):
    """It has the attempt, under a name of its own."""

    ref: Ref


class Known(msgspec.Struct, frozen=True):
    """Its answer to a look-up."""

    known: bool
    ref: Ref | None = None
    status: Status = "queued"
    at: Instant | None = None
    answered_by: AnsweredBy | None = None
    duration_s: Duration | None = None
    disposition: Disposition | None = None
    callback_at: Instant | None = None
    error: Reason | None = None


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to a call. `event_id`: the same report again has the same one. `answered_by`: `human`,
    `machine` or `unknown`, with the status that ends the call."""

    provider_call_id: Ref
    event_id: Annotated[str, Meta(min_length=1, max_length=200)]
    status: Status
    at: Instant
    answered_by: AnsweredBy | None = None
    duration_s: Duration | None = None
    error: Reason | None = None
    disposition: Disposition | None = None
    callback_at: Instant | None = None


def event_of(report: Report, attempt_id: int, key: UUID, now_ms: Ms) -> ProviderEvent:
    """The report as any provider's event. `at` is a clock of theirs: what it says of the future is now."""
    at_ms = _within(to_ms(report.at), now_ms - OLDEST_MS, now_ms)
    over = report.status in FINAL
    return ProviderEvent(
        event_id=f"{attempt_id}:{report.event_id}",
        key=key,
        attempt_id=attempt_id,
        ref=report.provider_call_id,
        kind="ended" if over else KIND[report.status],
        at_ms=at_ms,
        outcome=_ended_as(report.status, report.answered_by) if over else None,
        disposition=report.disposition if over else None,
        callback_at_ms=to_ms_or_none(report.callback_at) if over else None,
        rang_until_ms=at_ms if over or report.status == "ringing" else None,
        talk_s=report.duration_s,
        error=tidy(report.error),
    )


def report_of(event: ProviderEvent) -> Report:
    """What the event was made of, as far as it says: the same event can be made of it again."""
    return Report(
        provider_call_id=event.ref,
        event_id=event.event_id.removeprefix(f"{event.attempt_id}:"),
        status=cast(Status, event.kind if event.outcome is None else STATUS_OF[event.outcome]),
        at=to_datetime(event.at_ms),
        duration_s=event.talk_s,
        error=event.error,
        disposition=event.disposition,
        callback_at=to_datetime_or_none(event.callback_at_ms),
    )


def found_of(known: Known, lookup: Lookup, now_ms: Ms) -> Found:
    """A call that they say they have."""
    if known.ref is None:
        return CannotSay()
    if known.status not in FINAL:
        return FoundCall(known.ref, STATES[KIND[known.status]])
    at_ms = now_ms if known.at is None else _within(to_ms(known.at), lookup.armed_at_ms, now_ms)
    return FoundCall(
        known.ref,
        "in_call" if known.status in ("completed", "voicemail") else "accepted",
        _ended_as(known.status, known.answered_by),
        ended_at_ms=at_ms,
        rang_until_ms=at_ms,
        talk_s=known.duration_s,
        disposition=known.disposition,
        callback_at_ms=to_ms(known.callback_at) if meant(known.callback_at) else None,
        error=tidy(known.error),
    )


def meant(at: datetime | None) -> TypeGuard[datetime]:
    """Whether anybody can mean that instant."""
    return at is not None and EARLIEST_YEAR <= at.year < LATEST_YEAR


def tidy(said: str | None) -> str | None:
    """Their words, fit to be kept and logged: no phone number, no control character."""
    if said is None:
        return None
    plain = "".join(letter if letter.isprintable() else " " for letter in said)
    return mask_phones(plain)


def _ended_as(status: str, answered_by: str | None) -> str:
    """Our outcome of a status in FINAL. Who was answered by a machine was not talked to."""
    if status == "completed" and (answered_by or "").startswith("machine"):
        return Outcome.VOICEMAIL.value
    return FINAL[status].value


def _within(at_ms: Ms, earliest_ms: Ms, latest_ms: Ms) -> Ms:
    return max(earliest_ms, min(at_ms, latest_ms))
