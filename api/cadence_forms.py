"""What people send about a cadence as the form that is stored: ids are read, and must be the account's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from api.problems import FieldError, Problem, invalid
from api.requests_cadences import MOST_STEPS
from api.routing import Call
from api.weeks import read_week
from scheduler.domain.cadence_form import CadenceForm, StepForm
from scheduler.ledger.cadences import references
from scheduler.ledger.database import Connection

SEQUENCE = ("windows", "initial_delay_s", "runs", "on_complete", "steps")
"""What a draft says beside name and description."""

ONLY_READ = ("object", "created_at", "updated_at")
"""Of a step that comes back as it was shown."""

MOST_BYTES = 8_192
MOST_DEPTH = 10
"""Of values in a free form: they are read again wherever a loop is planned."""


class Named:
    """Ids read out of a body, with the places where they stand."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._cadences: dict[int, str] = {}
        self._caller_ids: dict[int, str] = {}

    def cadence(self, text: str | None, pointer: str) -> str | None:
        return None if text is None else self._read("cad", text, pointer, self._cadences)

    def caller_id(self, text: str, pointer: str) -> str:
        return self._read("cid", text, pointer, self._caller_ids)

    async def check(self, on: Connection) -> None:
        """Raises Problem 422 for each that the account does not have."""
        known = await references(
            self._call.deps.flow.database,
            self._call.account_id,
            cadence_ids=self._cadences,
            caller_ids=self._caller_ids,
            on=on,
        )
        wrong = [at for number, at in self._cadences.items() if number not in known.cadences]
        wrong += [at for number, at in self._caller_ids.items() if number not in known.caller_ids]
        if wrong:
            detail = "no such object in this account"
            errors = tuple(FieldError("not-found", detail, pointer=at) for at in wrong)
            raise Problem("validation-failed", f"{wrong[0]}: {detail}", errors=errors)

    def _read(self, prefix: str, text: str, pointer: str, seen: dict[int, str]) -> str:
        number = self._call.ids.read(prefix, text)
        if number is None:
            raise invalid(pointer, "not-found", "no such object in this account")
        seen.setdefault(number, pointer)
        return str(number)


async def read_sequence(
    call: Call, on: Connection, said: Mapping[str, Any], keeping: CadenceForm | None = None
) -> CadenceForm:
    """`said`: fields of SEQUENCE as they were sent; those left out are as in `keeping`, or by default.

    Steps that say an id must be of `keeping`; the others have no number yet. Raises Problem 422.
    """
    named = Named(call)
    fields = {} if keeping is None else msgspec.to_builtins(keeping)
    for name in SEQUENCE:
        if name not in said:
            continue
        value = msgspec.to_builtins(said[name])
        if name == "windows" and value is not None:
            value = read_week(said[name], "/windows")
        elif name == "on_complete":
            value["cadence_id"] = named.cadence(value["cadence_id"], "/on_complete/cadence_id")
        elif name == "steps":
            value = _steps(call, named, value, keeping)
        fields[name] = value
    form = msgspec.convert({"steps": [], **fields, "name": "", "description": ""}, CadenceForm)
    await named.check(on)
    return form


async def read_step(
    call: Call, on: Connection, said: Mapping[str, Any], keeping: StepForm | None = None
) -> StepForm:
    """One step out of the fields that are named; the rest as in `keeping`, or by default. Raises Problem
    422."""
    named = Named(call)
    fields = {} if keeping is None else msgspec.to_builtins(keeping)
    fields |= _step(named, msgspec.to_builtins(dict(said)), "")
    await named.check(on)
    return msgspec.convert({**fields, "id": 0 if keeping is None else keeping.id, "position": None}, StepForm)


def check_free_form(value: dict[str, Any], pointer: str) -> None:
    """Raises Problem 422 for an object that is nested too deeply or takes too many bytes."""
    if _deeper(value, MOST_DEPTH):
        raise invalid(pointer, "out-of-range", f"objects and lists may be nested {MOST_DEPTH} deep")
    if len(msgspec.json.encode(value)) > MOST_BYTES:
        raise invalid(pointer, "out-of-range", f"it may take {MOST_BYTES} bytes")


def check_room(form: CadenceForm) -> None:
    """Raises Problem 422 when there are more steps than a cadence may have."""
    if len(form.steps) > MOST_STEPS:
        raise invalid("", "out-of-range", f"a cadence has {MOST_STEPS} steps at most")


def _steps(
    call: Call, named: Named, said: list[dict[str, Any]], keeping: CadenceForm | None
) -> list[dict[str, Any]]:
    known = set() if keeping is None else {step.id for step in keeping.steps}
    steps = []
    for index, one in enumerate(said):
        at = f"/steps/{index}"
        if one["position"] not in (None, index + 1):
            raise invalid(f"{at}/position", "invalid", f"steps are sent in their order: this is {index + 1}")
        number = 0
        if one["id"] is not None:
            number = call.ids.read("stp", one["id"]) or 0
            if number not in known:
                raise invalid(f"{at}/id", "not-found", "no step of this draft, or here twice")
            known.remove(number)
        step = {name: value for name, value in one.items() if name not in ONLY_READ}
        steps.append({**_step(named, step, at), "id": number, "position": None})
    return steps


def _step(named: Named, said: dict[str, Any], at: str) -> dict[str, Any]:
    for number, rule in enumerate(said.get("routing", ())):
        rule["cadence_id"] = named.cadence(rule["cadence_id"], f"{at}/routing/{number}/cadence_id")
    if "advanced" in said:
        check_free_form(said["advanced"]["metadata"], f"{at}/advanced/metadata")
    if "caller_id" in said:
        pool = said["caller_id"]["pool"]
        said["caller_id"]["pool"] = [
            named.caller_id(text, f"{at}/caller_id/pool/{number}") for number, text in enumerate(pool)
        ]
    return said


def _deeper(value: Any, depth: int) -> bool:
    """Whether a value is nested more than `depth` deep."""
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper(child, depth - 1) for child in children)
