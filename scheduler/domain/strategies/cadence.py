"""Cadences: steps with delays, anchors and dayparts, and routing by what came of them.

Where a loop stands follows from its trail alone: the step of the last attempt, and the rule that its result
meets. Delays count from the call before; a step that is left out keeps its place in time, so that what
comes after it is not hurried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from scheduler.domain import conditions
from scheduler.domain.case import Case
from scheduler.domain.dayparts import DAYPARTS
from scheduler.domain.model import (
    Action,
    Anchor,
    AttemptKind,
    Cadence,
    Ended,
    EndReason,
    Loop,
    OnComplete,
    Result,
    RoutingRule,
    Step,
    Touch,
    Why,
)
from scheduler.domain.outcomes import PERSON_WAIT
from scheduler.domain.placement import Fit, Wish
from scheduler.domain.strategies.intervals import wait_text
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND, Ms

LEAST_RETRY: Ms = MINUTE
"""Between an attempt and its repetition, however short the rule has it."""

OVERDUE: Ms = 15 * MINUTE
"""A step timed before the appointment that comes later than this is left out: the next one is near."""

LEAST_APART: Ms = HOUR
"""Between an attempt and a step that is moved back: reminders of one morning do not all come the evening
before."""

DAYPART_WAIT: Ms = 7 * DAY
"""A daypart without an opening for so long is passed over."""

_PARTS = {part.name: index for index, part in enumerate(DAYPARTS)}


class Route(NamedTuple):
    """What the last attempt leads to: `rule` None means that no rule met its result."""

    touch: Touch
    rule: RoutingRule | None

    @property
    def action(self) -> Action:
        return Action.NEXT if self.rule is None else self.rule.action

    def why(self, at_ms: Ms | None = None) -> Why:
        """The rule's line of `why[]`."""
        assert self.rule is not None
        text = f"after {self.rule.on}: {self.rule.action.value}"
        if self.rule.action is Action.GOTO:
            text += f" step {self.rule.step}"
        if self.rule.delay_s is not None:
            text += f" in {wait_text(self.rule.delay_s)}"
        if self.rule.max is not None:
            text += f", {self.rule.max} at most"
        return Why("routing", "set", None, at_ms, text, f"step {self.touch.step + 1}")


class _Place(NamedTuple):
    """A step and when it would be due: `run_ms` is when its run began."""

    step: int
    run: int
    at_ms: Ms
    run_ms: Ms


def cadence(case: Case) -> Iterator[Wish | Why | Ended]:
    """The step whose turn it is, and the steps after it for as long as one is left out.

    Raises ValueError for a policy without a cadence.
    """
    settings = case.policy.cadence
    if settings is None or not settings.steps:
        raise ValueError("the strategy cadence needs a cadence with steps")
    route = route_of(settings, case.loop, case.last)
    place = _start(settings, case) if route is None else _after(settings, case, route)
    if route is not None and route.rule is not None and route.action is not Action.WAIT:
        yield route.why(place.at_ms)
    for _ in range(len(settings.steps) * 2):
        if place.step >= len(settings.steps):
            following = _next_run(settings, place)
            if following is None:
                break
            place = following
        step = settings.steps[place.step]
        left_out = _left_out(case, step, place)
        if left_out:
            yield Why("strategy", "blocked", place.at_ms, None, left_out, f"step {place.step + 1}")
        else:
            yield from _wishes(case, step, place)
            if step.anchor is not Anchor.APPOINTMENT or step.offset_s >= 0:
                return
        # a step at a time of its own takes none from those after it
        delay_ms = step.delay_after_s * SECOND if step.anchor is Anchor.PREVIOUS else 0
        place = place._replace(step=place.step + 1, at_ms=place.at_ms + delay_ms)
    yield _complete(settings, case)


def route_of(settings: Cadence, loop: Loop, last: Result | None) -> Route | None:
    """What the last attempt of a step leads to; None before the first. Manual calls change nothing, unless
    they began the loop. Rules that are used up (`max` in a run) are passed over."""
    trail = _trail(loop, last)
    if not trail:
        return None
    used: Counter[tuple[int, int, int]] = Counter()
    found = Route(trail[0], None)
    for number, touch in enumerate(trail):
        if number and touch.kind is AttemptKind.MANUAL:
            continue
        found = Route(touch, None)
        routing = _step_of(settings, touch).routing
        for index, rule in enumerate(routing):
            key = (touch.run, touch.step, index)
            if rule.on in (touch.outcome, touch.disposition) and (rule.max is None or used[key] < rule.max):
                used[key] += 1
                found = Route(touch, rule)
                break
    return found


def ended_by_rule(settings: Cadence, route: Route, now_ms: Ms) -> Ended | None:
    """The end that a rule asks for, if it does."""
    rule = route.rule
    if rule is None or rule.action not in (Action.END, Action.TRANSITION):
        return None
    if rule.action is Action.END:
        return Ended(EndReason.CADENCE_COMPLETE, now_ms, (route.why(),))
    start_ms = route.touch.ended_at_ms + (rule.delay_s or 0) * SECOND
    return Ended(EndReason.TRANSITIONED, now_ms, (route.why(start_ms),), rule.cadence_id, start_ms)


def waits_until(route: Route) -> Ms | None:
    """Until when a rule has the loop wait for a person, if it does."""
    if route.action is not Action.WAIT or route.rule is None:
        return None
    delay_s = route.rule.delay_s
    return route.touch.ended_at_ms + (PERSON_WAIT if delay_s is None else delay_s * SECOND)


def over_at(settings: Cadence, appointment_at_ms: Ms | None) -> Ms | None:
    """From when on a cadence of reminders has nothing left to remind of; None for any other cadence."""
    reminders = all(step.anchor is Anchor.APPOINTMENT and step.offset_s < 0 for step in settings.steps)
    return appointment_at_ms if reminders else None


def _trail(loop: Loop, last: Result | None) -> tuple[Touch, ...]:
    """The attempts so far. Where only their instants are known, the last one stands for all."""
    if loop.trail or not loop.history or last is None:
        return loop.trail
    step, kind = max(loop.step - 1, 0), last.kind
    return (Touch(step, loop.run, kind, loop.history[-1], last.ended_at_ms, last.outcome, last.disposition),)


def _start(settings: Cadence, case: Case) -> _Place:
    started_ms = case.loop.started_at_ms
    return _Place(0, 1, started_ms + settings.initial_delay_s * SECOND, started_ms)


def _step_of(settings: Cadence, touch: Touch) -> Step:
    """The step that an attempt was made for; where it is no more, one that only keeps its wait."""
    if touch.gone_wait_s is not None:
        return Step(delay_after_s=touch.gone_wait_s)
    return settings.steps[touch.step] if touch.step < len(settings.steps) else Step()


def _after(settings: Cadence, case: Case, route: Route) -> _Place:
    touch, rule, action = route.touch, route.rule, route.action
    step = _step_of(settings, touch)
    delay_s = rule.delay_s if rule is not None and rule.delay_s is not None else step.delay_after_s
    if action is Action.WAIT:
        delay_s = step.delay_after_s
    at_ms = touch.dialled_at_ms + delay_s * SECOND
    index = touch.step + 1
    if action is Action.RETRY:
        index, at_ms = touch.step, max(at_ms, touch.ended_at_ms + LEAST_RETRY)
    elif action is Action.GOTO and rule is not None and rule.step is not None:
        index = rule.step - 1
        at_ms = max(at_ms, touch.ended_at_ms + (LEAST_RETRY if index <= touch.step else 0))
    run_ms = case.loop.started_at_ms
    if touch.run > 1:
        run_ms = next((each.dialled_at_ms for each in case.loop.trail if each.run == touch.run), at_ms)
    return _Place(index, touch.run, at_ms, run_ms)


def _next_run(settings: Cadence, place: _Place) -> _Place | None:
    """The first step of the next run, if there is one."""
    if place.run < settings.runs:
        return _Place(0, place.run + 1, place.at_ms, place.at_ms)
    if settings.on_complete is OnComplete.RESTART:
        at_ms = place.at_ms + settings.complete_delay_s * SECOND
        return _Place(0, place.run + 1, at_ms, at_ms)
    return None


def _complete(settings: Cadence, case: Case) -> Ended:
    now_ms = case.limits.now_ms
    over_ms = over_at(settings, case.lead.appointment_at_ms)
    if over_ms is not None and now_ms >= over_ms:
        text = "the time of the appointment has come"
    elif settings.runs > 1:
        text = f"all {len(settings.steps)} steps are done, {settings.runs} times"
    else:
        text = f"all {len(settings.steps)} steps are done"
    why = (Why("strategy", "blocked", detail=text, ref=settings.cadence_id),)
    if settings.on_complete is OnComplete.TRANSITION and case.loop.history:
        delay_s = settings.steps[-1].delay_after_s + settings.complete_delay_s
        start_ms = case.loop.history[-1] + delay_s * SECOND
        return Ended(EndReason.TRANSITIONED, now_ms, why, settings.next_cadence_id, start_ms)
    return Ended(EndReason.CADENCE_COMPLETE, now_ms, why)


def _left_out(case: Case, step: Step, place: _Place) -> str:
    """Why a step is left out; empty if it is not."""
    if step.anchor is Anchor.APPOINTMENT and case.lead.appointment_at_ms is None:
        return f"step {place.step + 1} is left out: the lead has no appointment"
    if step.when and not conditions.holds(step.when, _facts(case, place)):
        return f"step {place.step + 1} is left out: not {step.when}"
    return ""


def _facts(case: Case, place: _Place) -> dict[str, conditions.Value]:
    variables = case.lead.variables
    facts: dict[str, conditions.Value] = {**variables}
    facts |= {f"lead.{name}": value for name, value in variables.items()}
    last = case.last
    return facts | {
        "tags": case.lead.tags,
        "outcome": None if last is None else last.outcome.value,
        "disposition": None if last is None else last.disposition,
        "attempts": float(len(case.loop.history)),
        "step": float(place.step + 1),
        "run": float(place.run),
    }


def _wishes(case: Case, step: Step, place: _Place) -> Iterator[Wish]:
    kind = AttemptKind.CADENCE if case.loop.history else AttemptKind.FIRST
    at_ms, counted = _due(case, step, place)
    fit = Fit.BEFORE if step.anchor is Anchor.APPOINTMENT and step.offset_s < 0 else Fit.EARLIEST
    if fit is Fit.EARLIEST and case.loop.history:
        at_ms = max(at_ms, case.retry_ms)
    name = f"step {place.step + 1}" + (f" ({step.name})" if step.name else "")
    name += f" of run {place.run}" if place.run > 1 else ""
    wish = Wish(
        at_ms,
        kind,
        place.step,
        Why("strategy", "set", None, at_ms, f"{name}: {counted}", "cadence"),
        fit=fit,
        late_ms=OVERDUE,
        since_ms=max(case.retry_ms, case.loop.history[-1] + LEAST_APART) if case.loop.history else 0,
        channel=step.channel,
        run=place.run,
        blocked=f"step {place.step + 1} is left out: no allowed time is left for it",
    )
    within_ms = DAYPART_WAIT if fit is Fit.EARLIEST else DAY
    for part in _parts_of(case, step):
        yield msgspec.structs.replace(wish, part=part, within_ms=within_ms, blocked="")
    yield wish


def _parts_of(case: Case, step: Step) -> tuple[int, ...]:
    if step.daypart == "rotate":
        return case.parts()
    return (_PARTS[step.daypart],) if step.daypart in _PARTS else ()


def _due(case: Case, step: Step, place: _Place) -> tuple[Ms, str]:
    """When the step would be due, and how that was counted."""
    if step.anchor is Anchor.PREVIOUS:
        if not case.loop.history:
            wait_s = (place.at_ms - case.loop.started_at_ms) // SECOND
            return place.at_ms, f"{wait_text(wait_s)} after the start" if wait_s else "at once"
        wait_s = max(0, place.at_ms - case.loop.history[-1]) // SECOND
        return place.at_ms, f"{wait_text(wait_s)} after attempt {len(case.loop.history)}"
    text = wait_text(abs(step.offset_s))
    if step.anchor is Anchor.START:
        return place.run_ms + step.offset_s * SECOND, f"{text} after the start"
    assert case.lead.appointment_at_ms is not None  # else the step is left out
    side = "before" if step.offset_s < 0 else "after"
    return case.lead.appointment_at_ms + step.offset_s * SECOND, f"{text} {side} the appointment"
