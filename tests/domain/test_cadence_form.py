"""Cadences as the API writes them (MISSION C8 to C17, C20; the API's step and routing rule)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from scheduler.domain.cadence_form import AdvancedForm, CadenceForm, StepForm, cadence_of, faults_of
from scheduler.domain.model import Action, Anchor, Cadence, Channel, OnComplete, RoutingRule, Step
from scheduler.domain.windows import BUSINESS_WEEK, week_to_api
from scheduler.errors import SettingsError

WHOLE: dict[str, Any] = {
    "name": "Two touches",
    "description": "call, then text",
    "windows": week_to_api(BUSINESS_WEEK),
    "initial_delay_s": 60,
    "runs": 2,
    "on_complete": {"action": "transition", "cadence_id": "cad_x", "delay_s": 3600},
    "steps": [
        {
            "id": 7,
            "position": 1,
            "name": "Call",
            "delay_after_s": 14_400,
            "daypart": "rotate",
            "caller_id": {"strategy": "rotate", "pool": ["pool_1"]},
            "voicemail": {"leave": True, "message": "Hello"},
            "routing": [
                {"on": "busy", "action": "retry", "delay_s": 14_400, "max": 2},
                {"on": "voicemail", "action": "goto", "step": 2},
            ],
            "advanced": {"when": " score > 3 ", "variables": {"offer": "{{plan}}"}, "metadata": {"a": 1}},
        },
        {"channel": "sms", "anchor": "appointment_at", "offset_s": -3600, "script": "See you"},
    ],
}


def read(obj: dict[str, Any]) -> Cadence:
    return cadence_of(msgspec.convert(obj, CadenceForm), "cad_1")


def changed(path: str, value: Any) -> dict[str, Any]:
    """WHOLE with one field set; `path` is dotted, numbers are places in lists."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(WHOLE))
    *way, last = path.split(".")
    inner: Any = found
    for part in way:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[last] = value
    return found


def test_every_field_of_a_cadence_is_read():
    assert read(WHOLE) == Cadence(
        name="Two touches",
        cadence_id="cad_1",
        windows=BUSINESS_WEEK,
        initial_delay_s=60,
        runs=2,
        on_complete=OnComplete.TRANSITION,
        complete_delay_s=3_600,
        next_cadence_id="cad_x",
        steps=(
            Step(
                step_id=7,
                name="Call",
                delay_after_s=14_400,
                daypart="rotate",
                caller_id="rotate",
                caller_id_pool=("pool_1",),
                voicemail=True,
                voicemail_message="Hello",
                metadata='{"a":1}',
                routing=(
                    RoutingRule("busy", Action.RETRY, 14_400, max=2),
                    RoutingRule("voicemail", Action.GOTO, step=2),
                ),
                when="score > 3",
                variables=(("offer", "{{plan}}"),),
            ),
            Step(channel=Channel.SMS, anchor=Anchor.APPOINTMENT, offset_s=-3_600, script="See you"),
        ),
    )


def test_c17_a_cadence_needs_no_more_than_one_step_and_may_have_many():
    assert read({"steps": [{}]}) == Cadence(steps=(Step(),), cadence_id="cad_1")
    assert len(read({"steps": [{}] * 200}).steps) == 200


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        ("steps", [], "/steps"),
        ("runs", 0, "/runs"),
        ("initial_delay_s", -1, "/initial_delay_s"),
        ("on_complete.cadence_id", None, "/on_complete/cadence_id"),
        ("on_complete.delay_s", -5, "/on_complete/delay_s"),
        ("steps.0.position", 2, "/steps/0/position"),
        ("steps.0.delay_after_s", 40_000_000, "/steps/0/delay_after_s"),
        ("steps.0.offset_s", 60, "/steps/0/offset_s"),
        ("steps.1.anchor", "start", "/steps/1/offset_s"),
        ("steps.0.advanced.when", "score >", "/steps/0/advanced/when"),
        ("steps.0.routing.0.on", " ", "/steps/0/routing/0/on"),
        ("steps.0.routing.0.max", 0, "/steps/0/routing/0/max"),
        ("steps.0.routing.0.delay_s", -1, "/steps/0/routing/0/delay_s"),
        ("steps.0.routing.0.step", 2, "/steps/0/routing/0/step"),
        ("steps.0.routing.1.step", 3, "/steps/0/routing/1/step"),
        ("steps.0.routing.1.step", None, "/steps/0/routing/1/step"),
        ("steps.0.routing.0.action", "transition", "/steps/0/routing/0/cadence_id"),
    ],
)
def test_what_cannot_be_run_is_refused_at_its_place(path: str, value: Any, pointer: str):
    with pytest.raises(SettingsError) as caught:
        read(changed(path, value))

    assert caught.value.what.startswith(pointer + ":")
    assert caught.value.do


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("steps.0.dayparts", "any"),
        ("steps.0.daypart", "noon"),
        ("steps.0.routing.0.action", "jump"),
        ("run", 2),
    ],
)
def test_a_field_or_a_word_that_nobody_knows_is_no_cadence(path: str, value: Any):
    with pytest.raises(msgspec.ValidationError):
        read(changed(path, value))


def test_all_places_that_keep_a_cadence_from_being_run_are_told_at_once():
    """API 5, publish: `cadence-invalid` points at each."""
    night = {"mon": {"ranges": [{"start": "18:00", "end": "09:00"}]}}
    steps = [StepForm(offset_s=60), StepForm(), StepForm(advanced=AdvancedForm(when="score >"))]

    found = faults_of(CadenceForm(steps=steps, windows=night))

    assert [fault.what.partition(": ")[0] for fault in found] == [
        "/windows",
        "/steps/0/offset_s",
        "/steps/2/advanced/when",
    ]
    assert faults_of(CadenceForm(steps=[StepForm()])) == []
