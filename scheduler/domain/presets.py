"""Presets: named settings that a person starts from, as data.

`settings` are fields of a policy; everything else stays as account and agent have it. `advice` is what the
form says beside the choice.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from scheduler.domain.model import (
    Action,
    Anchor,
    Cadence,
    Policy,
    Priority,
    RoutingRule,
    Step,
)
from scheduler.errors import SettingsError

_HOUR_S = 3_600
_DAY_S = 24 * _HOUR_S


class Preset(msgspec.Struct, frozen=True):
    """Settings under a name. `priority`: of the leads it is meant for."""

    name: str
    title: str
    settings: dict[str, Any]
    advice: str = ""
    priority: Priority | None = None

    def policy(self, base: Policy) -> Policy:
        """`base` with what this preset sets."""
        return msgspec.structs.replace(base, **self.settings)


def preset_named(name: str) -> Preset:
    """Raises SettingsError that names the nearest one for a preset that does not exist."""
    found = PRESETS.get(name)
    if found is None:
        near = get_close_matches(name, PRESETS, 1)
        known = ", ".join(PRESETS)
        raise SettingsError(
            "no such preset",
            f"known are {known}",
            f"did you mean {near[0]}?" if near else "choose one of them",
        )
    return found


def delays_from_shown(shown_s: tuple[int, ...]) -> tuple[int, ...]:
    """Delays as people show them, the wait before each step, as they are stored: the wait after it. The first
    is the cadence's initial delay and left out; the last step has none."""
    return (*shown_s[1:], 0)


_FIVE_DELAYS = delays_from_shown((0, 4 * _HOUR_S, 24 * _HOUR_S, 48 * _HOUR_S, 72 * _HOUR_S))

FIVE_STEP = Cadence(
    name="Five-step",
    cadence_id="five-step",
    steps=(
        Step(name="First try", delay_after_s=_FIVE_DELAYS[0], caller_id="random"),
        Step(name="Same day", delay_after_s=_FIVE_DELAYS[1], caller_id="random"),
        Step(name="Next day", delay_after_s=_FIVE_DELAYS[2], caller_id="random", voicemail=True),
        Step(name="Two days later", delay_after_s=_FIVE_DELAYS[3], caller_id="rotate"),
        Step(name="Last", delay_after_s=_FIVE_DELAYS[4], caller_id="rotate", voicemail=True),
    ),
)

_ENDS_REMINDERS = (
    RoutingRule("confirmed", Action.END),
    RoutingRule("canceled", Action.END),
)

APPOINTMENT_REMINDERS = Cadence(
    name="Appointment reminders",
    cadence_id="appointment-reminders",
    steps=tuple(
        Step(
            name=f"{hours} h before",
            anchor=Anchor.APPOINTMENT,
            offset_s=-hours * _HOUR_S,
            routing=_ENDS_REMINDERS,
        )
        for hours in (24, 3, 1)
    ),
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "followup",
            "Automatic follow-up",
            {
                "strategy": "followup",
                "max_attempts": 7,
                "max_retry_days": None,
                "immediate_callback": True,
                "stop_on": "converted",
            },
            "Choose 3, 7 or 12 attempts.",
        ),
        Preset(
            "hot-leads",
            "Hot leads",
            {
                "strategy": "smart",
                "intensity": "aggressive",
                "max_attempts": 12,
                "max_retry_days": 5,
                "stop_on": "reached",
            },
            "Seven calls fall into the first three days: watch complaints and opt-outs.",
        ),
        Preset(
            "follow-ups",
            "Follow-ups",
            {
                "strategy": "smart",
                "intensity": "moderate",
                "max_attempts": 7,
                "max_retry_days": 10,
                "stop_on": "reached",
            },
            "Seven attempts are used up on day 3 when nobody answers.",
        ),
        Preset(
            "nurture",
            "Nurture",
            {
                "strategy": "smart",
                "intensity": "conservative",
                "max_attempts": 20,
                "max_retry_days": 90,
                "stop_on": "reached",
            },
        ),
        Preset(
            "same-day-urgent",
            "Same-day urgent",
            {
                "strategy": "intervals",
                "intervals_s": (600, 1_200, 2_700, 5_400, 7_200),
                "max_attempts": 6,
                "max_retry_days": 0,
                "stop_on": "reached",
            },
            "Needs an account cap above 3 calls in 24 h; Florida, Oklahoma, Maryland and Oregon cut it to 3.",
            Priority.LIVE,
        ),
        Preset(
            "appointment-reminders",
            "Appointment reminders",
            {
                "strategy": "cadence",
                "cadence": APPOINTMENT_REMINDERS,
                "max_attempts": None,
                "max_retry_days": None,
                "stop_on": "converted",
            },
            "Ends when the appointment is confirmed or cancelled, or when its time has come.",
        ),
        Preset(
            "five-step",
            "Five-step cadence",
            {
                "strategy": "cadence",
                "cadence": FIVE_STEP,
                "max_attempts": None,
                "max_retry_days": None,
                "stop_on": "reached",
            },
        ),
    )
}
