"""Dynamic variables of steps: texts with places that the lead's own variables fill.

    {{ first_name | there }}

is the lead's `first_name`, or "there" where it has none; without a fallback it is left empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from scheduler.domain.model import Step, Variable

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*(?:\|([^{}]*))?\}\}")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def read_variables(encoded: str) -> dict[str, Variable]:
    """A lead's variables as conditions see them: whole numbers as any other, without lists and objects."""
    if encoded == "{}":
        return {}
    return {
        name: float(value) if type(value) is int else value
        for name, value in _decode(encoded).items()
        if value is None or isinstance(value, str | int | float)
    }


def variables_of(step: Step, values: Mapping[str, Variable]) -> dict[str, str]:
    """The step's variables, filled with a lead's."""
    return {name: filled(text, values) for name, text in step.variables}


def filled(text: str, values: Mapping[str, Variable]) -> str:
    """The text with every place filled once: what a variable holds is never read as a place itself."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None or found == "":
            return (match[2] or "").strip()
        if isinstance(found, bool):
            return "yes" if found else "no"
        return f"{found:g}" if isinstance(found, float) else str(found)

    return _PLACE.sub(value, text) if "{{" in text else text
