"""The pressure meter: how many calls settings can mean for one person, at worst.

The planner itself is played for somebody who never gets to the point: at each attempt the result that brings
the next one soonest. Only our own rules count (windows, caps), no state's: it is about any lead.
"""

from __future__ import annotations

import msgspec

from scheduler.domain.calendars import calendar_of
from scheduler.domain.localtime import day_of
from scheduler.domain.model import AttemptKind, Lead, Loop, Outcome, Place, Planned, Policy, Result, Waiting
from scheduler.domain.outcomes import fold
from scheduler.domain.placement import SEARCH
from scheduler.domain.planner import plan
from scheduler.domain.time import DAY, SECOND, Ms

WARN_CALLS, WARN_DAYS = 7, 3
"""Not seven calls in three days: advice, never a stop."""

RING: Ms = 25 * SECOND
_MONDAY: Ms = 20_605 * DAY  # 2026-06-01, far from any clock change
_UNMET = (Outcome.NOT_REACHED, Outcome.BUSY, Outcome.VOICEMAIL, Outcome.ANSWERED)
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_LOOK: Ms = 30 * DAY
_ALIKE = 10


class Pressure(msgspec.Struct, frozen=True):
    """Calls of one loop in the worst three and seven days (dates where the lead is) that follow one another;
    `warning` is empty below the mark."""

    calls_in_3_days: int
    calls_in_7_days: int
    warning: str


def worst_case(policy: Policy) -> Pressure:
    """The meter of these settings. Raises ValueError where `plan` does."""
    policy = msgspec.structs.replace(policy, rules="none", closures=(), no_call_days=())
    # draws differ from lead to lead, so the densest of a few counts
    played = [_days_called(policy, f"lead-{number}") for number in range(_ALIKE)]
    three, seven = (max(_most_within(days, span) for days in played) for span in (3, 7))
    warning = ""
    if three >= WARN_CALLS:
        warning = (
            f"up to {three} calls to one person in {WARN_DAYS} days: people complain from {WARN_CALLS} on"
        )
    return Pressure(three, seven, warning)


def _days_called(policy: Policy, key: str) -> list[int]:
    """The date of each call, as close together as results can bring them."""
    return [day_of(policy.zone, at_ms) for at_ms in _played(policy, key)]


def _played(policy: Policy, key: str) -> list[Ms]:
    place = Place((policy.zone,), (), (policy.zone,), "stated")
    opening = calendar_of(policy, place).open.first(_MONDAY, _MONDAY + SEARCH)
    if opening is None:
        return []
    start_ms = opening[0]
    # an appointment that lies ahead, so that reminders have something to remind of
    lead = Lead(key, place, appointment_at_ms=start_ms + 2 * DAY)
    loop = Loop(start_ms)
    found = _attempt(plan(loop, policy, lead, None, start_ms))
    while found is not None and found.at_ms < start_ms + _LOOK:
        best: tuple[Planned, Loop] | None = None
        after = msgspec.structs.replace(lead, contacts=(*lead.contacts, found.at_ms))
        for result in _results(policy, found):
            then = fold(loop, result, found.at_ms)
            coming = _attempt(plan(then, policy, after, result, result.ended_at_ms))
            if coming is not None and (best is None or coming.at_ms < best[0].at_ms):
                best = coming, then
        if best is None:
            return [*loop.history, found.at_ms]
        lead, (found, loop) = after, best
    return list(loop.history)


def _results(policy: Policy, attempt: Planned) -> list[Result]:
    """What an attempt may come to without ending the loop: not reached in some way, or what a rule names."""
    ended_ms = attempt.at_ms + RING
    results = [
        Result(outcome, ended_ms, attempt.kind, step=attempt.step, run=attempt.run) for outcome in _UNMET
    ]
    cadence = policy.cadence if policy.strategy == "cadence" else None
    if cadence is not None and attempt.kind is not AttemptKind.CALLBACK and attempt.step < len(cadence.steps):
        for rule in cadence.steps[attempt.step].routing:
            if rule.on not in _OUTCOMES:
                results.append(
                    Result(
                        Outcome.COMPLETED, ended_ms, attempt.kind, rule.on, step=attempt.step, run=attempt.run
                    )
                )
    return results


def _attempt(found: object) -> Planned | None:
    """The attempt in a plan, also one that a person's answer could bring forward."""
    if isinstance(found, Waiting):
        found = found.then
    return found if isinstance(found, Planned) else None


def _most_within(days: list[int], span: int) -> int:
    """The most calls on so many days that follow one another."""
    return max((sum(first <= day < first + span for day in days) for first in days), default=0)
