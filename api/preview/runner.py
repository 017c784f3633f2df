"""Play one lead's follow-up: plan, call, settle, plan again, with the planner and the fold of the running
system. Deterministic: the same spec gives the same answer.
"""

from __future__ import annotations

import msgspec

from api.instants import local, utc, utc_ms
from api.preview.callbacks import asked, check_callbacks
from api.preview.settings import lead_of, policy_of, start_of
from api.preview.spec import Course, OutcomeSpec, Spec
from api.schemas import WhyLine
from scheduler.domain import rules
from scheduler.domain.calendars import calendar_of
from scheduler.domain.jitter import draw
from scheduler.domain.model import Ended, Lead, Loop, Outcome, Plan, Planned, Policy, Result, Waiting, Why
from scheduler.domain.planner import fold, plan
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.instants import to_datetime

_SPOKE = frozenset({Outcome.COMPLETED, Outcome.ANSWERED, Outcome.VOICEMAIL})


class Attempt(msgspec.Struct):
    """One call as planned, and how it ended. `step`: its position from 1."""

    n: int
    kind: str
    step: int
    channel: str
    at: str
    at_local: str
    outcome: str
    why: list[WhyLine]


class End(msgspec.Struct):
    reason: str
    at: str


class Preview(msgspec.Struct):
    """`ended` null: the loop goes on after `limit` attempts, or waits for a person."""

    attempts: list[Attempt]
    ended: End | None
    rules_revision: str | None


class Played(msgspec.Struct):
    """The answer and what a person is told beside it: the lead's zone, how words of callbacks were read,
    whether it waits for somebody of ours without end, and why that or the end."""

    preview: Preview
    zone: str
    readings: list[str]
    waits: bool
    last_why: list[WhyLine]


def play(spec: Spec) -> Played:
    """Raises UsageError at the place of the spec that cannot be played."""
    check_callbacks(spec)
    return follow(policy_of(spec), lead_of(spec), start_of(spec), spec)


def follow(policy: Policy, lead: Lead, now_ms: Ms, course: Course) -> Played:
    """What becomes of a lead enrolled at `now_ms` whose calls go as `course` says, once its callbacks are
    checked. Raises UsageError for a callback that cannot be meant at its time."""
    zone = calendar_of(policy, lead.place).zone
    loop = Loop(started_at_ms=now_ms)
    book = rules.named(policy.rules)
    readings: list[str] = []
    preview = Preview([], None, None if book is None else book.revision)
    found = _due(plan(loop, policy, lead, None, now_ms))
    while isinstance(found, Planned) and len(preview.attempts) < course.limit:
        number = len(preview.attempts)
        said, pointer = _said(course, number)
        preview.attempts.append(_attempt(number + 1, found, said.outcome, zone))
        now_ms = found.at_ms + said.duration_s * SECOND
        fraction = draw(course.seed, lead.key, found.run, number + 1, "callback")
        callback = asked(said, pointer, zone, now_ms, fraction)
        if callback is not None and callback.reading:
            readings.append(callback.reading)
        result = _result(found, said, now_ms, None if callback is None else callback.at_ms)
        loop = fold(loop, result, found.at_ms)
        lead = msgspec.structs.replace(lead, contacts=(*lead.contacts, _rang_until_ms(result, found.at_ms)))
        found = _due(plan(loop, policy, lead, result, now_ms))
    if isinstance(found, Ended):
        preview.ended = End(found.reason.value, utc(to_datetime(found.at_ms)))
    last_why = [] if isinstance(found, Planned) else [_line(why) for why in found.why]
    return Played(preview, zone, readings, isinstance(found, Waiting), last_why)


def _due(found: Plan) -> Plan:
    """What comes when nobody answers: after a wait for a person, what it holds back."""
    return found.then if isinstance(found, Waiting) and found.then is not None else found


def _said(course: Course, number: int) -> tuple[OutcomeSpec, str]:
    if number < len(course.outcomes):
        return course.outcomes[number], f"/outcomes/{number}"
    return course.otherwise, "/otherwise"


def _result(planned: Planned, said: OutcomeSpec, ended_ms: Ms, callback_ms: Ms | None) -> Result:
    return Result(
        outcome=Outcome(said.outcome),
        ended_at_ms=ended_ms,
        kind=planned.kind,
        disposition=said.disposition,
        callback_at_ms=callback_ms,
        error=said.error,
        step=planned.step,
        run=planned.run,
    )


def _rang_until_ms(result: Result, dialled_ms: Ms) -> Ms:
    """A call that nobody took rang to its end; one that was taken counts from its beginning."""
    return dialled_ms if result.outcome in _SPOKE else result.ended_at_ms


def _attempt(number: int, planned: Planned, outcome: str, zone: str) -> Attempt:
    instant = to_datetime(planned.at_ms)
    at, at_local = utc(instant), local(instant, zone)
    assert at_local is not None
    return Attempt(
        n=number,
        kind=planned.kind.value,
        step=planned.step + 1,
        channel=planned.channel.value,
        at=at,
        at_local=at_local,
        outcome=outcome,
        why=[_line(why) for why in planned.why],
    )


def _line(why: Why) -> WhyLine:
    return WhyLine(why.rule, why.effect, utc_ms(why.from_at), utc_ms(why.to_at), why.detail, why.ref or None)
