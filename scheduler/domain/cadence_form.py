"""Cadences as the API writes them, and as the planner takes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import msgspec

from scheduler.domain import conditions
from scheduler.domain.model import (
    Action,
    Anchor,
    Cadence,
    Channel,
    OnComplete,
    RoutingRule,
    Step,
)
from scheduler.domain.windows import week_from_api
from scheduler.errors import SettingsError

LONGEST_S = 365 * 86_400
"""No delay or offset is longer than a year."""


class RuleForm(msgspec.Struct, forbid_unknown_fields=True):
    """A routing rule; `step` is a position from 1."""

    on: str
    action: Action = Action.NEXT
    delay_s: int | None = None
    step: int | None = None
    cadence_id: str | None = None
    max: int | None = None


class CallerIdForm(msgspec.Struct, forbid_unknown_fields=True):
    strategy: Literal["random", "rotate", "sticky", "local", "fixed"] = "random"
    pool: tuple[str, ...] = ()


class VoicemailForm(msgspec.Struct, forbid_unknown_fields=True):
    leave: bool = False
    message: str = ""


class AdvancedForm(msgspec.Struct, forbid_unknown_fields=True):
    when: str = ""
    variables: dict[str, str] = {}
    metadata: dict[str, Any] = {}


class StepForm(msgspec.Struct, forbid_unknown_fields=True):
    """A step; `position` may be left out, else it is the step's place in the list. `id`: its number in the
    ledger, which it keeps through versions; 0 outside of it."""

    id: int = 0
    name: str = ""
    position: int | None = None
    channel: Channel = Channel.CALL
    delay_after_s: int = 0
    anchor: Literal["start", "appointment_at"] | None = None
    offset_s: int = 0
    daypart: Literal["any", "morning", "afternoon", "evening", "rotate"] = "any"
    script: str | None = None
    caller_id: CallerIdForm = msgspec.field(default_factory=CallerIdForm)
    voicemail: VoicemailForm = msgspec.field(default_factory=VoicemailForm)
    routing: list[RuleForm] = []
    advanced: AdvancedForm = msgspec.field(default_factory=AdvancedForm)


class OnCompleteForm(msgspec.Struct, forbid_unknown_fields=True):
    action: OnComplete = OnComplete.IDLE
    cadence_id: str | None = None
    delay_s: int = 0


class CadenceForm(msgspec.Struct, forbid_unknown_fields=True):
    """A cadence; `windows` null means that it narrows nothing."""

    steps: list[StepForm]
    name: str = ""
    description: str = ""
    windows: dict[str, Any] | None = None
    initial_delay_s: int = 0
    runs: int = 1
    on_complete: OnCompleteForm = msgspec.field(default_factory=OnCompleteForm)


def cadence_of(form: CadenceForm, cadence_id: str = "", version: int = 0) -> Cadence:
    """The cadence that the form describes.

    Raises SettingsError for what cannot be run; its `what` begins with a JSON pointer into the cadence.
    """
    _check_frame(form)
    done = form.on_complete
    return Cadence(
        name=form.name,
        cadence_id=cadence_id,
        version=version,
        steps=tuple(_step(form, index) for index in range(len(form.steps))),
        windows=None if form.windows is None else week_from_api(form.windows),
        initial_delay_s=form.initial_delay_s,
        runs=form.runs,
        on_complete=done.action,
        complete_delay_s=done.delay_s,
        next_cadence_id=done.cadence_id or "",
    )


def faults_of(form: CadenceForm) -> list[SettingsError]:
    """All places that keep the cadence from being run, at most one in its frame and one in each step, as
    `cadence_of` would tell them one by one."""
    checks: list[Callable[[], object]] = [partial(_check_frame, form)]
    checks += [partial(_step, form, index) for index in range(len(form.steps))]
    found: list[SettingsError] = []
    for check in checks:
        try:
            check()
        except SettingsError as error:
            found.append(error)
    return found


def _check_frame(form: CadenceForm) -> None:
    if not form.steps:
        raise _refused("/steps", "a cadence has no step", "add one")
    if form.windows is not None:
        try:
            week_from_api(form.windows)
        except SettingsError as error:
            raise _refused("/windows", error.what, error.do) from error
    _between("/runs", form.runs, 1, 100)
    _between("/initial_delay_s", form.initial_delay_s, 0, LONGEST_S)
    done = form.on_complete
    _between("/on_complete/delay_s", done.delay_s, 0, LONGEST_S)
    if done.action is OnComplete.TRANSITION and not done.cadence_id:
        raise _refused("/on_complete/cadence_id", "a transition names no cadence", "say which one follows")


def _step(form: CadenceForm, index: int) -> Step:
    step, at = form.steps[index], f"/steps/{index}"
    if step.position is not None and step.position != index + 1:
        raise _refused(
            f"{at}/position", "steps are not in the order of their positions", f"write {index + 1}"
        )
    _between(f"{at}/delay_after_s", step.delay_after_s, 0, LONGEST_S)
    _between(f"{at}/offset_s", step.offset_s, -LONGEST_S, LONGEST_S)
    anchor = Anchor.PREVIOUS if step.anchor is None else Anchor(step.anchor)
    if anchor is Anchor.PREVIOUS and step.offset_s:
        raise _refused(f"{at}/offset_s", "an offset without an anchor", "add anchor: start or appointment_at")
    if anchor is Anchor.START and step.offset_s < 0:
        raise _refused(f"{at}/offset_s", "a step before its cadence starts", "write 0 or more")
    try:
        conditions.parse(step.advanced.when)
    except conditions.BadCondition as error:
        raise _refused(f"{at}/advanced/when", error.what, error.do) from error
    return Step(
        step_id=step.id,
        name=step.name,
        channel=step.channel,
        delay_after_s=step.delay_after_s,
        anchor=anchor,
        offset_s=step.offset_s,
        daypart=step.daypart,
        routing=tuple(
            _rule(rule, f"{at}/routing/{number}", len(form.steps)) for number, rule in enumerate(step.routing)
        ),
        when=step.advanced.when.strip(),
        variables=tuple(sorted(step.advanced.variables.items())),
        script=step.script or "",
        caller_id=step.caller_id.strategy,
        caller_id_pool=step.caller_id.pool,
        voicemail=step.voicemail.leave,
        voicemail_message=step.voicemail.message,
        metadata=msgspec.json.encode(step.advanced.metadata).decode() if step.advanced.metadata else "",
    )


def _rule(rule: RuleForm, at: str, steps: int) -> RoutingRule:
    if not rule.on.strip():
        raise _refused(f"{at}/on", "a rule without an outcome or disposition", "say after what it applies")
    if rule.delay_s is not None:
        _between(f"{at}/delay_s", rule.delay_s, 0, LONGEST_S)
    if rule.max is not None:
        _between(f"{at}/max", rule.max, 1, 100)
    if rule.action is Action.GOTO:
        if rule.step is None:
            raise _refused(f"{at}/step", "goto names no step", f"write a position from 1 to {steps}")
        _between(f"{at}/step", rule.step, 1, steps)
    elif rule.step is not None:
        raise _refused(
            f"{at}/step", f"{rule.action.value} goes to no step of its own", "use goto, or leave step out"
        )
    if rule.action is Action.TRANSITION and not rule.cadence_id:
        raise _refused(f"{at}/cadence_id", "a transition names no cadence", "say which one follows")
    return RoutingRule(rule.on, rule.action, rule.delay_s, rule.step, rule.cadence_id or "", rule.max)


def _between(at: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise _refused(at, f"{value} is out of range", f"write {least} to {most}")


def _refused(at: str, what: str, do: str) -> SettingsError:
    return SettingsError(f"{at}: {what}", "this cadence could not be run", do)
