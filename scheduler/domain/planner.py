"""The planner: what comes next for a loop, and why. One pure function, the same for enrolment, settling,
replanning and preview.

A strategy says when it would like to call; placement narrows that to an instant that every rule allows. What
ends a loop, and a callback that the person asked for, come before any strategy.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from scheduler.domain.calendars import calendar_of
from scheduler.domain.case import Case
from scheduler.domain.jitter import draw
from scheduler.domain.model import (
    AttemptKind,
    Channel,
    Disposition,
    Ended,
    EndReason,
    LaneClass,
    Lead,
    Loop,
    Outcome,
    Plan,
    Planned,
    Policy,
    Priority,
    Result,
    Why,
)
from scheduler.domain.placement import Wish, limits_of, place
from scheduler.domain.reasons import blocked_reasons
from scheduler.domain.strategies import strategy_named
from scheduler.domain.time import Ms

_BY_DISPOSITION: dict[str, EndReason] = {
    Disposition.CONVERTED: EndReason.CONVERTED,
    Disposition.APPOINTMENT: EndReason.CONVERTED,
    Disposition.DNC: EndReason.DNC,
    Disposition.COMPLAINT: EndReason.DNC,
    Disposition.WRONG_NUMBER: EndReason.INVALID_NUMBER,
}
_SCHEDULED = frozenset({AttemptKind.FIRST, AttemptKind.CADENCE})


def plan(loop: Loop, policy: Policy, lead: Lead, last: Result | None, now_ms: Ms) -> Plan:
    """The next attempt of `loop`, or the reason why there is none.

    `loop` is folded: it counts the attempt that `last` ended (None before the first), and so does
    `lead.contacts`. Planning again with the same arguments and a later `now_ms` gives the same instant for as
    long as that lies ahead. Raises ValueError for a policy whose strategy, intensity or rules do not exist.
    """
    wishes_of = strategy_named(policy.strategy)
    over = _ended_by(loop, policy, last, now_ms)
    if over is not None:
        return over
    calendar = calendar_of(policy, lead.place, policy.live_after_hours and lead.priority is Priority.LIVE)
    number = len(loop.history) + 1
    fraction = draw(policy.seed, lead.key, loop.run, number, "place")
    case = Case(loop, policy, lead, last, calendar, limits_of(calendar, lead.contacts, now_ms, fraction))
    asked_ms = _asked_for(last)
    wishes = wishes_of(case) if asked_ms is None else _as_asked(case, asked_ms)
    left_out: tuple[Why, ...] = ()
    for wish in wishes:
        placed = place(calendar, wish, case.limits)
        if placed is not None:
            too_late = _past_retry_days(case, placed.at_ms) and wish.kind is not AttemptKind.CALLBACK
            if too_late:
                return Ended(EndReason.MAX_RETRY_DAYS, now_ms, _retry_days_why(case, placed.at_ms))
            return Planned(
                placed.at_ms,
                placed.open_until_ms,
                wish.kind,
                wish.step,
                _lane_class(wish.kind, lead),
                Channel.CALL,
                left_out + placed.why,
            )
        if wish.blocked:
            left_out += (Why("strategy", "blocked", wish.at_ms, None, wish.blocked, policy.strategy),)
    return Ended(EndReason.NO_CALLABLE_TIME, now_ms, left_out + blocked_reasons(calendar, now_ms))


def fold(loop: Loop, result: Result, dialled_at_ms: Ms) -> Loop:
    """The loop after an attempt: one more in its history. A scheduled attempt takes its step with it, unless
    it failed by error: then the same step comes again."""
    failed = result.outcome is Outcome.ERROR
    postponed = _asked_for(result) is not None
    return msgspec.structs.replace(
        loop,
        history=(*loop.history, dialled_at_ms),
        step=loop.step + (result.kind in _SCHEDULED and not failed),
        consecutive_errors=loop.consecutive_errors + 1 if failed else 0,
        postponed=loop.postponed + postponed,
    )


def _ended_by(loop: Loop, policy: Policy, last: Result | None, now_ms: Ms) -> Ended | None:
    """What ends a loop before anything is wished for: the last result, or a limit that is used up."""
    if last is not None:
        reason = _BY_DISPOSITION.get(last.disposition or "")
        if reason is not None:
            return Ended(reason, now_ms, (_over(f"the call ended with {last.disposition}"),))
        if last.outcome in (Outcome.INVALID_NUMBER, Outcome.NUMBER_BLOCKED):
            return Ended(EndReason.INVALID_NUMBER, now_ms, (_over(f"outcome {last.outcome.value}"),))
        reached = last.outcome is Outcome.COMPLETED and policy.stop_on == "reached"
        if reached and _asked_for(last) is None:
            return Ended(EndReason.REACHED, now_ms, (_over("a conversation that ended normally"),))
        if last.outcome is Outcome.ERROR and loop.consecutive_errors >= policy.max_consecutive_errors:
            text = f"{loop.consecutive_errors} errors in a row"
            return Ended(EndReason.CONSECUTIVE_ERRORS, now_ms, (_over(text),))
    used = len(loop.history)
    if policy.max_attempts is not None and used >= policy.max_attempts:
        return Ended(
            EndReason.MAX_ATTEMPTS, now_ms, (_over(f"{used} of {policy.max_attempts} attempts used"),)
        )
    return None


def _asked_for(last: Result | None) -> Ms | None:
    """When the person asked to be called, if the last call ended so."""
    if last is None or last.disposition != Disposition.CALLBACK:
        return None
    return last.callback_at_ms


def _as_asked(case: Case, asked_ms: Ms) -> Iterator[Wish]:
    """The callback in place of the normal schedule, as asked or as soon after as it is allowed."""
    why = Why("callback", "set", None, asked_ms, "the person asked to be called then")
    yield Wish(asked_ms, AttemptKind.CALLBACK, case.loop.step, why)


def _past_retry_days(case: Case, at_ms: Ms) -> bool:
    """Whether the day where the lead is lies more than `max_retry_days` after that of the first attempt."""
    days, history = case.policy.max_retry_days, case.loop.history
    return days is not None and bool(history) and case.day_of(at_ms) - case.day_of(history[0]) > days


def _retry_days_why(case: Case, at_ms: Ms) -> tuple[Why, ...]:
    text = f"the next attempt would be more than {case.policy.max_retry_days} days after the first"
    return (Why("strategy", "blocked", at_ms, None, text, case.policy.strategy),)


def _lane_class(kind: AttemptKind, lead: Lead) -> LaneClass:
    if kind is AttemptKind.CALLBACK:
        return LaneClass.CALLBACK
    live = lead.priority is Priority.LIVE
    if kind is AttemptKind.FIRST:
        return LaneClass.LIVE if live else LaneClass.BULK
    return LaneClass.LIVE if live and kind is AttemptKind.IMMEDIATE_CALLBACK else LaneClass.FOLLOW_UP


def _over(text: str) -> Why:
    return Why("strategy", "blocked", detail=text)
