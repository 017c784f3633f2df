"""Calls that a person asks for: which rules they pass, and which never.

They pass our own windows, the cadence's, and no-call days. They never pass an opt-out, a call under way, a
pause, a cap or a closure, and the law's hours only when somebody acknowledges it and says why. A manual call
counts for caps and attempts like any other; the loop then goes on by its outcome, an hour later at the
earliest.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from scheduler.domain.calendars import Calendar, calendar_of
from scheduler.domain.caps import cap_text
from scheduler.domain.model import Lead, Policy, Why
from scheduler.domain.outcomes import without_consent
from scheduler.domain.placement import ROOM, SEARCH, limits_of
from scheduler.domain.time import MINUTE, Ms

DIAL_WITHIN: Ms = 5 * MINUTE
"""A call let out beyond the law's hours is made at once or not at all."""

_LAW = "statutory_window"
_OURS = {
    "dialer_window": "outside our own hours: a manual call may be",
    "cadence_window": "outside the cadence's hours: a manual call may be",
    "no_call_day": "a day on which nobody is called: a manual call may be",
}


class ManualCall(msgspec.Struct, frozen=True):
    """What is known when somebody asks: `suppressed` the phone has opted out, `in_call` a call is under way,
    `paused` account or agent is. `acknowledged` with a `reason`: beyond the law's hours all the same."""

    suppressed: bool = False
    in_call: bool = False
    paused: bool = False
    acknowledged: bool = False
    reason: str = ""


class Allowed(msgspec.Struct, frozen=True):
    """The call may be made now, in [at_ms, open_until_ms). `beyond_law`: its reason goes into the audit."""

    at_ms: Ms
    open_until_ms: Ms
    beyond_law: bool
    why: tuple[Why, ...]


class Forbidden(msgspec.Struct, frozen=True):
    """`code`: the problem code of the API; `until_ms`: when it would be allowed, None if that is not a matter
    of time."""

    code: str
    until_ms: Ms | None
    why: tuple[Why, ...]


Verdict: TypeAlias = Allowed | Forbidden


def may_call(policy: Policy, lead: Lead, asked: ManualCall, now_ms: Ms) -> Verdict:
    """Whether a person of ours may call this lead at once. What no acknowledgement helps against comes first,
    so that nobody acknowledges in vain."""
    if asked.suppressed:
        return _never("dnc-blocked", "the phone is on the suppression list: nothing passes that")
    if asked.in_call:
        return _never("lead-busy", "a call to this lead is under way")
    if asked.paused:
        return _never("dialing-paused", "account or agent is paused")
    disagreed = without_consent(policy, lead, now_ms)
    if disagreed is not None:
        return _never("consent-missing", disagreed.why[0].detail)
    calendar = calendar_of(policy, lead.place)
    limits = limits_of(calendar, lead.contacts, now_ms)
    if limits.cap is not None and limits.free_ms > now_ms:
        text = f"{cap_text(limits.cap)}: manual calls count as well"
        why = Why("frequency_cap", "blocked", now_ms, limits.free_ms, text, limits.cap_ref)
        return Forbidden("frequency-cap", limits.free_ms, (why,))
    return _within_law(calendar, asked, now_ms)


def _within_law(calendar: Calendar, asked: ManualCall, now_ms: Ms) -> Verdict:
    told = (Why("manual", "set", None, now_ms, "asked for by a person"), *_passed(calendar, now_ms))
    law = next((openings for rule, openings in calendar.layers if rule == _LAW), None)
    if law is None:
        return Allowed(now_ms, now_ms + DIAL_WITHIN, False, told)
    found = law.first(now_ms, now_ms + SEARCH, ROOM)
    if found is not None and found[0] == now_ms:
        return Allowed(now_ms, found[2], False, told)
    opens_ms = None if found is None else found[0]
    closed = [each for each in calendar.closures if each.from_ms <= now_ms < each.until_ms]
    if closed:
        text = f"closed by order: {closed[0].reason}" if closed[0].reason else "closed by order"
        why = Why(_LAW, "blocked", now_ms, opens_ms, f"{text}; nobody passes that")
        return Forbidden("outside-statutory-hours", opens_ms, (why,))
    ref = "" if calendar.book is None else f"revision {calendar.book.revision}"
    if asked.acknowledged and asked.reason.strip():
        text = "outside the law's hours, acknowledged; the reason is in the audit"
        why = Why(_LAW, "kept", now_ms, opens_ms, text, ref)
        return Allowed(now_ms, now_ms + DIAL_WITHIN, True, (*told, why))
    text = "outside the law's hours: acknowledge it and give a reason, or wait"
    return Forbidden(
        "outside-statutory-hours", opens_ms, (Why(_LAW, "blocked", now_ms, opens_ms, text, ref),)
    )


def _passed(calendar: Calendar, now_ms: Ms) -> tuple[Why, ...]:
    """Our own rules that say no, and are passed."""
    return tuple(
        Why(rule, "kept", detail=_OURS[rule])
        for rule, openings in calendar.layers
        if rule in _OURS and openings.at(now_ms) is None
    )


def _never(code: str, text: str) -> Forbidden:
    return Forbidden(code, None, (Why("manual", "blocked", detail=text),))
