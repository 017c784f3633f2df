"""What a step of a cadence gives to whoever makes the contact, filled in for the lead."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.model import Cadence, Variable
from scheduler.domain.variables import filled, read_variables, variables_of
from scheduler.ledger.database import Row

_metadata = msgspec.json.Decoder(dict[str, Any]).decode


class Brief(msgspec.Struct, frozen=True):
    """`step`: its position from 1. `voicemail`: what is left on a machine, None where nothing is; it may be
    empty, and is then up to who calls. `metadata` is as the step has it."""

    step: int
    name: str
    script: str = ""
    voicemail: str | None = None
    variables: dict[str, str] = {}
    metadata: dict[str, Any] = {}


def brief_of(cadence: Cadence, row: Row) -> Brief | None:
    """For a row of `arm_attempts`. Texts may name the lead's variables, and besides `name` and `first_name`
    where it has no such variables."""
    if not 0 <= row["step"] < len(cadence.steps):
        return None
    step = cadence.steps[row["step"]]
    values = _named(row["lead_name"]) | read_variables(row["variables"])
    return Brief(
        row["step"] + 1,
        step.name,
        filled(step.script, values),
        filled(step.voicemail_message, values) if step.voicemail else None,
        variables_of(step, values),
        _metadata(step.metadata) if step.metadata else {},
    )


def _named(name: str) -> dict[str, Variable]:
    return {"name": name, "first_name": name.split(" ", 1)[0]} if name else {}
