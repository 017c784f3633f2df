"""Play one lead's follow-up: plan, call, settle, plan again, with the planner and the fold of the running
system. Deterministic: the same spec gives the same answer.
"""

from __future__ import annotations

import re

import msgspec

from api.instants import local, utc, utc_ms
from api.preview.settings import lead_of, policy_of, start_of
from api.preview.spec import Instant, OutcomeSpec, Spec, wrong
from api.schemas import WhyLine
from scheduler.domain import rules
from scheduler.domain.calendars import calendar_of
from scheduler.domain.callback_words import NotUnderstood, pick, read_callback
from scheduler.domain.jitter import draw
from scheduler.domain.model import Ended, Lead, Loop, Outcome, Plan, Planned, Result, Waiting, Why
from scheduler.domain.planner import fold, plan
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.instants import to_datetime, to_ms

_WRITTEN = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]")
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
    """The answer and what a person is told beside it: the lead's zone, whether it waits for somebody of ours
    without end, and why that or the end."""

    preview: Preview
    zone: str
    waits: bool
    last_why: list[WhyLine]


def play(spec: Spec) -> Played:
    """Raises UsageError at the place of the spec that cannot be played."""
    policy, lead, now_ms = policy_of(spec), lead_of(spec), start_of(spec)
    zone = calendar_of(policy, lead.place).zone
    loop = Loop(started_at_ms=now_ms)
    book = rules.named(policy.rules)
    preview = Preview([], None, None if book is None else book.revision)
    found = _due(plan(loop, policy, lead, None, now_ms))
    while isinstance(found, Planned) and len(preview.attempts) < spec.limit:
        number = len(preview.attempts)
        said, pointer = _said(spec, number)
        preview.attempts.append(_attempt(number + 1, found, said.outcome, zone))
        result = _result(found, said, _callback_ms(spec, lead, said, pointer, zone, found.at_ms, number))
        now_ms = result.ended_at_ms
        loop = fold(loop, result, found.at_ms)
        lead = msgspec.structs.replace(lead, contacts=(*lead.contacts, _rang_until_ms(result, found.at_ms)))
        found = _due(plan(loop, policy, lead, result, now_ms))
    if isinstance(found, Ended):
        preview.ended = End(found.reason.value, utc(to_datetime(found.at_ms)))
    last_why = [] if isinstance(found, Planned) else [_line(why) for why in found.why]
    return Played(preview, zone, isinstance(found, Waiting), last_why)


def _due(found: Plan) -> Plan:
    """What comes when nobody answers: after a wait for a person, what it holds back."""
    return found.then if isinstance(found, Waiting) and found.then is not None else found


def _said(spec: Spec, number: int) -> tuple[OutcomeSpec, str]:
    if number < len(spec.outcomes):
        return spec.outcomes[number], f"/outcomes/{number}"
    return spec.otherwise, "/otherwise"


def _result(planned: Planned, said: OutcomeSpec, callback_ms: Ms | None) -> Result:
    return Result(
        outcome=Outcome(said.outcome),
        ended_at_ms=planned.at_ms + said.duration_s * SECOND,
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


def _callback_ms(
    spec: Spec, lead: Lead, said: OutcomeSpec, pointer: str, zone: str, dialled_ms: Ms, number: int
) -> Ms | None:
    """The instant asked for, or one of the window that the words mean, drawn by the seed."""
    if said.callback is None:
        return None
    at = f"{pointer}/callback"
    if said.disposition != "callback":
        raise wrong(at, "a callback that nobody asked for", 'add disposition: "callback"')
    if _WRITTEN.match(said.callback):
        try:
            return to_ms(msgspec.convert(said.callback, Instant))
        except msgspec.ValidationError:
            raise wrong(at, "not an instant", "write it like 2026-11-24T15:00:00Z, or in words") from None
    window = read_callback(said.callback, zone, dialled_ms + said.duration_s * SECOND)
    if isinstance(window, NotUnderstood):
        raise wrong(at, f"not understood: {window.what}", "say a day and a time, as in: tomorrow at 3 pm")
    fraction = draw(spec.seed, lead.key, 1, number + 1, "callback")
    return pick(window, zone, fraction)


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
