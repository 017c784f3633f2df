"""Automatic follow-up: gaps that grow from hours to days, over changing times of day.

The steps count the scheduled attempts; the immediate callback lies between the first two and has no step of
its own. So leaving it out, or switching it off, costs no attempt: the schedule goes on for one more.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.domain.case import Case
from scheduler.domain.model import AttemptKind, Outcome, Why
from scheduler.domain.placement import Fit, Wish
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND, Ms

OFFSETS: tuple[Ms, ...] = (
    0,
    3 * HOUR,
    26 * HOUR,
    *(days * DAY for days in (2, 4, 6, 9, 12, 16, 20, 25, 30)),
)
"""From the first call to each scheduled attempt."""

LATER_GAP: Ms = 5 * DAY
"""Between attempts after the last offset."""

LEAST_GAP: Ms = 2 * HOUR
"""What an attempt that came late leaves before the next; half the gap of the schedule where that is more."""

CALLBACK_SOON: tuple[Ms, Ms] = (30 * SECOND, 90 * SECOND)
CALLBACK_LATE: Ms = 5 * MINUTE
"""An outcome that is known later than this after its callback was due has none."""

DAYPART_WAIT: Ms = 7 * DAY
"""A daypart without an opening for so long is empty and skipped."""


def followup(case: Case) -> Iterator[Wish]:
    """The immediate callback where it applies, then the step's own time in the daypart tried least; after an
    error the same step again, at any time of day."""
    if not case.loop.history:
        yield case.first_wish()
        return
    if _calls_back_at_once(case):
        yield _callback_at_once(case)
    step = case.loop.step
    wanted_ms = case.loop.history[0] + offset_of(step)
    at_ms = max(wanted_ms, case.retry_ms if case.failed else case.loop.history[-1] + least_gap(step))
    why = Why("strategy", "set", None, at_ms, _told(case, at_ms - wanted_ms), "followup")
    if not case.failed:
        for part in case.parts():
            yield Wish(at_ms, AttemptKind.CADENCE, step, why, part=part, within_ms=DAYPART_WAIT)
    yield Wish(at_ms, AttemptKind.CADENCE, step, why)


def offset_of(step: int) -> Ms:
    """From the first call to the scheduled attempt of this step."""
    if step < len(OFFSETS):
        return OFFSETS[step]
    return OFFSETS[-1] + (step - len(OFFSETS) + 1) * LATER_GAP


def least_gap(step: int) -> Ms:
    """Between the scheduled attempt of this step and the one before it, however late that was: gaps go on
    growing when hours or caps have held the loop up."""
    nominal_ms = offset_of(step) - offset_of(step - 1) if step else 0
    return max(LEAST_GAP, nominal_ms // 2)


def _calls_back_at_once(case: Case) -> bool:
    return (
        case.policy.immediate_callback
        and case.last is not None
        and case.last.kind is AttemptKind.FIRST
        and case.last.outcome in (Outcome.NOT_REACHED, Outcome.BUSY)
    )


def _callback_at_once(case: Case) -> Wish:
    soonest_ms, latest_ms = CALLBACK_SOON
    wait_ms = soonest_ms + int(case.fraction("callback") * (latest_ms - soonest_ms))
    at_ms = case.ended_ms + wait_ms
    return Wish(
        at_ms,
        AttemptKind.IMMEDIATE_CALLBACK,
        case.loop.step,
        Why("strategy", "set", None, at_ms, "second call right after the first was not answered", "followup"),
        fit=Fit.EXACT,
        late_ms=CALLBACK_LATE,
        blocked="no second call right away: outside the hours, too close to closing, above a cap or too late",
    )


def _told(case: Case, late_ms: Ms) -> str:
    offset_ms = offset_of(case.loop.step)
    days, rest_ms = divmod(offset_ms, DAY)
    after = f"{days} d" if days and not rest_ms else f"{offset_ms // HOUR} h"
    text = f"step {case.loop.step + 1}: {after} after the first call"
    if case.failed:
        return f"{text}; again after an error, 15 min at least"
    least_h = round(least_gap(case.loop.step) / HOUR)
    return text if late_ms == 0 else f"{text}, but {least_h} h after the last attempt at least"
