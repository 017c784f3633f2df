"""Cadences to begin with, that come with dialwheel."""

from __future__ import annotations

from typing import Literal

import msgspec

from scheduler.domain.cadence_form import (
    AdvancedForm,
    CadenceForm,
    CallerIdForm,
    OnCompleteForm,
    RuleForm,
    StepForm,
    VoicemailForm,
)
from scheduler.domain.model import Anchor, Cadence, Step
from scheduler.domain.presets import APPOINTMENT_REMINDERS, FIVE_STEP

_HOUR_S = 3_600
_DAY_S = 24 * _HOUR_S


_ANCHORS: dict[Anchor, Literal["start", "appointment_at"]] = {
    Anchor.START: "start",
    Anchor.APPOINTMENT: "appointment_at",
}


class Template(msgspec.Struct, frozen=True):
    """`number`: its own, below those that the ledger gives."""

    number: int
    form: CadenceForm


def form_of(cadence: Cadence, description: str) -> CadenceForm:
    """The form that a cadence without windows and transitions was made from."""
    return CadenceForm(
        name=cadence.name,
        description=description,
        initial_delay_s=cadence.initial_delay_s,
        runs=cadence.runs,
        on_complete=OnCompleteForm(cadence.on_complete, None, cadence.complete_delay_s),
        steps=[_step(step) for step in cadence.steps],
    )


def _step(step: Step) -> StepForm:
    return StepForm(
        name=step.name,
        channel=step.channel,
        delay_after_s=step.delay_after_s,
        anchor=_ANCHORS.get(step.anchor),
        offset_s=step.offset_s,
        caller_id=CallerIdForm("rotate" if step.caller_id == "rotate" else "random"),
        voicemail=VoicemailForm(step.voicemail, step.voicemail_message),
        routing=[RuleForm(rule.on, rule.action, rule.delay_s) for rule in step.routing],
        advanced=AdvancedForm(when=step.when),
    )


def _calls(
    *waits_s: int, daypart: Literal["any", "rotate"] = "any", voicemails: frozenset[int] = frozenset()
) -> list[StepForm]:
    """A call, and one after each wait; `voicemails`: positions that leave one."""
    return [
        StepForm(
            name=f"Call {position}",
            delay_after_s=wait_s,
            daypart=daypart,
            caller_id=CallerIdForm("rotate"),
            voicemail=VoicemailForm(position in voicemails),
        )
        for position, wait_s in enumerate((*waits_s, 0), 1)
    ]


HOT_LEAD = CadenceForm(
    name="Hot lead",
    description="Ten calls in five days, three of them on the first.",
    steps=_calls(*[hours * _HOUR_S for hours in (1, 4, 20, 5, 19, 5, 19, 5, 19)], voicemails=frozenset({10})),
)

NURTURE = CadenceForm(
    name="Nurture 90 days",
    description="Fourteen calls over three months, each in another part of the day than the last.",
    steps=_calls(
        *[3 * _DAY_S] * 3, *[7 * _DAY_S] * 9, 18 * _DAY_S, daypart="rotate", voicemails=frozenset({14})
    ),
)

BUILT_IN = (
    Template(1, form_of(FIVE_STEP, "Five calls in six days, with a message on the third and the last.")),
    Template(2, form_of(APPOINTMENT_REMINDERS, "Calls 24, 3 and 1 hours before the appointment.")),
    Template(3, HOT_LEAD),
    Template(4, NURTURE),
)
"""In the order of their numbers, which stay theirs."""
