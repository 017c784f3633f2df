"""The planner: what comes next for a loop, and why. One pure function, the same for enrolment, settling,
replanning and preview.

A strategy says when it would like to call; placement narrows that to an instant that every rule allows. What
ends a loop, and a callback that the person asked for, come before any strategy.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from scheduler.domain.calendars import calendar_of
from scheduler.domain.caps import cap_text
from scheduler.domain.case import Case
from scheduler.domain.jitter import draw
from scheduler.domain.model import (
    AskedFor,
    AttemptKind,
    Ended,
    EndReason,
    LaneClass,
    Lead,
    Loop,
    Plan,
    Planned,
    Policy,
    Priority,
    Result,
    Waiting,
    Why,
)
from scheduler.domain.outcomes import (
    MANUAL_REST,
    MOST_POSTPONED,
    PERSON_WAIT,
    callback_of,
    fixed_end,
    fold,
    limit_end,
    once_end,
    reached_end,
    retry_days_of,
    without_consent,
)
from scheduler.domain.placement import SEARCH, Fit, Placed, Wish, limits_of, place
from scheduler.domain.reasons import blocked_reasons
from scheduler.domain.strategies import strategy_named
from scheduler.domain.strategies.cadence import Route, ended_by_rule, over_at, route_of, waits_until
from scheduler.domain.time import Ms

__all__ = ["fold", "plan"]


class Hold(msgspec.Struct, frozen=True):
    """Nothing of the schedule comes before `until_ms`; `asks`: because a person of ours is asked."""

    until_ms: Ms
    why: Why
    asks: bool


def plan(loop: Loop, policy: Policy, lead: Lead, last: Result | None, now_ms: Ms) -> Plan:
    """The next attempt of `loop`, or what is waited for, or the reason why there is none.

    `loop` is folded: it counts the attempt that `last` ended (None before the first), and so does
    `lead.contacts`. Planning again with the same arguments and a later `now_ms` gives the same instant for as
    long as that lies ahead. Raises ValueError for a policy whose strategy, intensity or rules do not exist.
    """
    wishes_of = strategy_named(policy.strategy)
    cadence = policy.cadence if policy.strategy == "cadence" else None
    route = None if cadence is None else route_of(cadence, loop, last)
    over = _ended_by(loop, policy, last, route, now_ms) or without_consent(policy, lead, now_ms)
    if over is not None:
        return over
    calendar = calendar_of(policy, lead.place, policy.live_after_hours and lead.priority is Priority.LIVE)
    number = len(loop.history) + 1
    limits = limits_of(
        calendar,
        lead.contacts,
        now_ms,
        lambda: draw(policy.seed, lead.key, loop.run, number, "place"),
    )
    case = Case(loop, policy, lead, last, calendar, limits)
    moved_to_ms = _moved_to(loop)
    hold = None if last is None else _hold(loop, last, route)
    asked_ms = callback_of(loop, last)
    ask_person = hold is not None and hold.asks
    told: tuple[Why, ...] = () if hold is None else (hold.why,)
    for wish in wishes_of(case) if asked_ms is None or ask_person else _as_asked(case, asked_ms):
        if isinstance(wish, Why):
            told += (wish,)
            continue
        if isinstance(wish, Ended):
            return msgspec.structs.replace(wish, why=told + wish.why)
        if hold is not None:
            wish = _held(wish, hold)
        quiet = wish if lead.quiet_until_ms is None else _held(wish, _quiet(lead.quiet_until_ms))
        placed = place(calendar, quiet, case.limits)
        if placed is not None and moved_to_ms is not None:
            wish = quiet = _moved(wish, placed.at_ms, moved_to_ms)
            placed = place(calendar, wish, case.limits)
        if placed is not None:
            signs = () if quiet is wish or lead.quiet_until_ms is None else (_quiet(lead.quiet_until_ms).why,)
            found = _planned(case, quiet, placed, told + signs)
            if isinstance(found, Planned) and hold is not None and ask_person and now_ms < hold.until_ms:
                return Waiting(hold.until_ms, (hold.why,), found)
            return found
        if wish.blocked:
            told += (Why("strategy", "blocked", wish.at_ms, None, wish.blocked, policy.strategy),)
    return Ended(EndReason.NO_CALLABLE_TIME, now_ms, told + _never(case))


def _ended_by(
    loop: Loop, policy: Policy, last: Result | None, route: Route | None, now_ms: Ms
) -> Ended | None:
    """What ends a loop before anything is wished for: the last result, a rule, or a limit that is used up."""
    if last is not None:
        over = fixed_end(loop, last, now_ms)
        if over is not None:
            return over
        asked = callback_of(loop, last) is not None
        if route is not None and policy.cadence is not None and not asked:
            over = ended_by_rule(policy.cadence, route, now_ms)
        if over is None and (route is None or route.rule is None):
            over = reached_end(loop, policy, last, now_ms)
        if over is not None:
            return over
    if loop.once and callback_of(loop, last) is None:
        return once_end(last, now_ms)
    return limit_end(loop, policy, last, now_ms)


def _quiet(until_ms: Ms) -> Hold:
    """What a sign of life has the schedule wait for."""
    text = "the lead gave a sign of life: a person of ours has until then to answer"
    return Hold(until_ms, Why("pause", "moved", None, until_ms, text), False)


def _hold(loop: Loop, last: Result, route: Route | None) -> Hold | None:
    """What the last attempt has the schedule wait for, unless somebody has said since when it goes on."""
    if loop.asked is not None and loop.asked.what is not AskedFor.NOTHING:
        return None
    asked_ms = callback_of(loop, last)
    if asked_ms is not None:
        if loop.postponed < MOST_POSTPONED:
            return None
        until_ms = max(last.ended_at_ms + PERSON_WAIT, asked_ms)
        text = f"postponed {loop.postponed} times: a person of ours says what comes next"
        return Hold(until_ms, Why("callback", "blocked", asked_ms, until_ms, text), True)
    if last.kind is AttemptKind.MANUAL:
        until_ms = last.ended_at_ms + MANUAL_REST
        return Hold(
            until_ms, Why("manual", "set", None, until_ms, "an hour's rest after a manual call"), False
        )
    until = None if route is None else waits_until(route)
    if until is None or route is None:
        return None
    return Hold(until, route.why(until), True)


def _held(wish: Wish, hold: Hold) -> Wish:
    """The wish as it is while something is waited for: what is timed before something else is not put off."""
    if wish.kind is AttemptKind.CALLBACK:
        return wish
    if wish.fit is Fit.BEFORE:
        return msgspec.structs.replace(wish, since_ms=max(wish.since_ms, hold.until_ms))
    if wish.at_ms >= hold.until_ms:
        return wish
    return msgspec.structs.replace(wish, at_ms=hold.until_ms)


def _moved_to(loop: Loop) -> Ms | None:
    """When the next attempt is to be made, if a person of ours has set that."""
    return loop.asked.at_ms if loop.asked is not None and loop.asked.what is AskedFor.TIME else None


def _moved(wish: Wish, from_ms: Ms, to_ms: Ms) -> Wish:
    """The attempt that was due otherwise, at the time that a person of ours has set for it."""
    why = Why("manual", "set", from_ms, to_ms, "a person of ours set this time")
    return Wish(to_ms, wish.kind, wish.step, why, channel=wish.channel, run=wish.run)


def _planned(case: Case, wish: Wish, placed: Placed, told: tuple[Why, ...]) -> Planned | Ended:
    """The attempt, unless it lies past what the loop is limited to."""
    now_ms = case.limits.now_ms
    asked = wish.kind is AttemptKind.CALLBACK or _moved_to(case.loop) is not None
    if not asked and _past_retry_days(case, placed.at_ms):
        return Ended(EndReason.MAX_RETRY_DAYS, now_ms, told + _retry_days_why(case, placed.at_ms))
    if without_consent(case.policy, case.lead, placed.at_ms) is not None:
        why = Why("strategy", "blocked", placed.at_ms, None, "the lead's consent has ended by then")
        return Ended(EndReason.CONSENT_MISSING, now_ms, (*told, why))
    cadence = case.policy.cadence
    if cadence is not None and case.policy.strategy == "cadence":
        over_ms = over_at(cadence, case.lead.appointment_at_ms)
        if over_ms is not None and placed.at_ms >= over_ms:
            text = "the appointment is over by then"
            why = Why("strategy", "blocked", placed.at_ms, None, text, case.policy.strategy)
            return Ended(EndReason.CADENCE_COMPLETE, now_ms, (*told, why))
    book = case.calendar.book
    return Planned(
        placed.at_ms,
        placed.open_until_ms,
        wish.kind,
        wish.step,
        _lane_class(wish.kind, case.lead),
        wish.channel,
        told + placed.why,
        case.loop.run if wish.run is None else wish.run,
        "" if book is None else book.revision,
    )


def _never(case: Case) -> tuple[Why, ...]:
    """Why there is no callable time: a cap that outlasts the search, or hours that never meet."""
    limits = case.limits
    if limits.cap is not None and limits.free_ms > limits.now_ms + SEARCH:
        text = f"{cap_text(limits.cap)}: none more is allowed for 30 days"
        return (Why("frequency_cap", "blocked", limits.now_ms, limits.free_ms, text, limits.cap_ref),)
    return blocked_reasons(case.calendar, limits.now_ms)


def _as_asked(case: Case, asked_ms: Ms) -> Iterator[Wish]:
    """The callback in place of the normal schedule, as asked or as soon after as it is allowed."""
    why = Why("callback", "set", None, asked_ms, "the person asked to be called then")
    trail = case.loop.trail if case.policy.strategy == "cadence" else ()
    step = max(trail[-1].step, 0) if trail else case.loop.step
    yield Wish(asked_ms, AttemptKind.CALLBACK, step, why)


def _past_retry_days(case: Case, at_ms: Ms) -> bool:
    """Whether the day where the lead is lies more than `max_retry_days` after that of the first attempt."""
    days, history = retry_days_of(case.policy), case.loop.history
    return days is not None and bool(history) and case.day_of(at_ms) - case.day_of(history[0]) > days


def _retry_days_why(case: Case, at_ms: Ms) -> tuple[Why, ...]:
    text = f"the next attempt would be more than {retry_days_of(case.policy)} days after the first"
    return (Why("strategy", "blocked", at_ms, None, text, case.policy.strategy),)


def _lane_class(kind: AttemptKind, lead: Lead) -> LaneClass:
    if kind is AttemptKind.CALLBACK:
        return LaneClass.CALLBACK
    live = lead.priority is Priority.LIVE
    if kind is AttemptKind.FIRST:
        return LaneClass.LIVE if live else LaneClass.BULK
    return LaneClass.LIVE if live and kind is AttemptKind.IMMEDIATE_CALLBACK else LaneClass.FOLLOW_UP
