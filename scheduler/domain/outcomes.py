"""What results mean: which end a loop, which are asked of a person, and what a loop remembers of them."""

from __future__ import annotations

import msgspec

from scheduler.domain.model import (
    AskedFor,
    AttemptKind,
    Disposition,
    Ended,
    EndReason,
    Lead,
    Loop,
    Outcome,
    Policy,
    Result,
    Touch,
    Why,
)
from scheduler.domain.time import HOUR, Ms

MOST_ATTEMPTS = 100
"""Of a loop that its settings do not limit: a cadence may start over for ever."""

BLOCKED_TWICE = 2
"""A callee's carrier that refuses so often means it: the number is bad for all cadences."""

MOST_POSTPONED = 3
"""After so many callbacks that were asked for, a person of ours decides what comes next."""

PERSON_WAIT: Ms = 48 * HOUR
"""How long a person of ours is waited for before the schedule goes on by itself."""

MANUAL_REST: Ms = HOUR
"""After a manual call: an automatic attempt that lay nearer is moved."""

LIFTED_ATTEMPTS, LIFTED_DAYS = 12, 30
"""Twelve attempts of the automatic follow-up take thirty days, whatever the limit of days was before."""

FIXED: dict[str, EndReason] = {
    Disposition.CONVERTED: EndReason.CONVERTED,
    Disposition.DNC: EndReason.DNC,
    Disposition.COMPLAINT: EndReason.DNC,
    Disposition.WRONG_NUMBER: EndReason.INVALID_NUMBER,
}
"""Dispositions that end every loop; no routing rule changes that."""

_SCHEDULED = frozenset({AttemptKind.FIRST, AttemptKind.CADENCE})
_FAILED = frozenset({Outcome.ERROR, Outcome.NUMBER_BLOCKED})


def fold(loop: Loop, result: Result, dialled_at_ms: Ms) -> Loop:
    """The loop after an attempt: one more in its history. A scheduled attempt takes its step with it, unless
    it failed by error: then the same step comes again. So does a manual call that began the loop."""
    failed = result.outcome in _FAILED
    takes_step = result.kind in _SCHEDULED or (result.kind is AttemptKind.MANUAL and not loop.history)
    step = loop.step if result.step is None or result.kind not in _SCHEDULED else result.step
    changes = msgspec.structs.replace(
        loop,
        history=(*loop.history, dialled_at_ms),
        step=step + (takes_step and result.outcome is not Outcome.ERROR),
        consecutive_errors=loop.consecutive_errors + 1 if failed else 0,
        postponed=loop.postponed + (asked_for(result) is not None),
        blocked=loop.blocked + (result.outcome is Outcome.NUMBER_BLOCKED),
    )
    if result.step is None:
        return changes
    manual = result.kind is AttemptKind.MANUAL
    run = loop.run if manual else result.run
    touch = Touch(
        loop.trail[-1].step if manual and loop.trail else result.step,
        run,
        result.kind,
        dialled_at_ms,
        result.ended_at_ms,
        result.outcome,
        result.disposition,
    )
    return msgspec.structs.replace(changes, run=run, trail=(*loop.trail, touch))


def asked_for(last: Result | None) -> Ms | None:
    """When the person asked to be called, if the last call ended so."""
    if last is None or last.disposition != Disposition.CALLBACK:
        return None
    return last.callback_at_ms


def callback_of(loop: Loop, last: Result | None) -> Ms | None:
    """When the person is to be called back, as it was asked for last: in the last call, or since."""
    if loop.asked is None or loop.asked.what is AskedFor.TIME:
        return asked_for(last)
    return loop.asked.at_ms


def fixed_end(loop: Loop, last: Result, now_ms: Ms) -> Ended | None:
    """The end that a result means whatever the strategy: converted, opted out, a number that is no good."""
    reason = FIXED.get(last.disposition or "")
    if reason is not None:
        return _over(reason, now_ms, f"the call ended with {last.disposition}")
    if last.outcome is Outcome.INVALID_NUMBER:
        return _over(EndReason.INVALID_NUMBER, now_ms, f"outcome {last.outcome.value}")
    if last.outcome is Outcome.NUMBER_BLOCKED and loop.blocked >= BLOCKED_TWICE:
        return _over(
            EndReason.INVALID_NUMBER, now_ms, f"refused by the callee's carrier {loop.blocked} times"
        )
    return None


def reached_end(loop: Loop, policy: Policy, last: Result, now_ms: Ms) -> Ended | None:
    """The end of a loop that got what it was after: an appointment, or the conversation it stops on, unless
    that asked for another. A routing rule for that result comes first."""
    if last.disposition == Disposition.APPOINTMENT:
        return _over(EndReason.CONVERTED, now_ms, f"the call ended with {last.disposition}")
    reached = last.outcome is Outcome.COMPLETED and policy.stop_on == "reached"
    if reached and asked_for(last) is None and callback_of(loop, last) is None:
        return _over(EndReason.REACHED, now_ms, "a conversation that ended normally")
    return None


def without_consent(policy: Policy, lead: Lead, now_ms: Ms) -> Ended | None:
    """The end of a loop whose calls the lead has not agreed to, where it must have."""
    if not policy.consent_required:
        return None
    if not lead.consent:
        return _over(
            EndReason.CONSENT_MISSING, now_ms, "the lead has not agreed to calls by an artificial voice"
        )
    if lead.consent_until_ms is not None and now_ms >= lead.consent_until_ms:
        return _over(EndReason.CONSENT_MISSING, now_ms, "the lead's consent has ended")
    return None


def once_end(last: Result | None, now_ms: Ms) -> Ended:
    """The end of a loop that was made for one call: it was made, or it could not be in time."""
    asked = "one call was asked for"
    return _over(EndReason.REMOVED, now_ms, f"{asked} and could not be made" if last is None else asked)


def limit_end(loop: Loop, policy: Policy, last: Result | None, now_ms: Ms) -> Ended | None:
    """The end of a loop whose errors or attempts are used up."""
    if (
        last is not None
        and last.outcome in _FAILED
        and loop.consecutive_errors >= policy.max_consecutive_errors
    ):
        return _over(EndReason.CONSECUTIVE_ERRORS, now_ms, f"{loop.consecutive_errors} errors in a row")
    used = len(loop.history)
    most = policy.max_attempts
    if most is None and policy.max_retry_days is None:
        most = MOST_ATTEMPTS
    if most is not None and used >= most:
        return _over(EndReason.MAX_ATTEMPTS, now_ms, f"{used} of {most} attempts used")
    return None


def retry_days_of(policy: Policy) -> int | None:
    """How many days after that of the first attempt the last one may be; None without a limit."""
    days = policy.max_retry_days
    if days is None or policy.strategy != "followup" or policy.max_attempts is None:
        return days
    return max(days, LIFTED_DAYS) if policy.max_attempts >= LIFTED_ATTEMPTS else days


def _over(reason: EndReason, now_ms: Ms, text: str) -> Ended:
    return Ended(reason, now_ms, (Why("strategy", "blocked", detail=text),))
