"""Cadences as files: other cadences go by their names in them, caller ids by their phones."""

from __future__ import annotations

from typing import Any

import msgspec

from api.cadence_forms import check_free_form
from api.problems import FieldError, Problem
from api.requests_cadences import CadenceFile
from api.routing import Call
from api.weeks import read_week
from scheduler.domain.cadence_form import CadenceForm
from scheduler.ledger.cadences import nameless, references
from scheduler.ledger.database import Connection

FORMAT = "dialwheel.cadence/1"


async def exported(call: Call, name: str, description: str, form: CadenceForm) -> CadenceFile:
    """The file that says what `form` does. What it named and is no more is left out."""
    led_to = [rule.cadence_id for step in form.steps for rule in step.routing] + [form.on_complete.cadence_id]
    pools = {int(number) for step in form.steps for number in step.caller_id.pool}
    known = await references(
        call.deps.flow.database,
        call.account_id,
        cadence_ids={int(number) for number in led_to if number},
        caller_ids=pools,
    )
    names = {str(number): found[0] for number, found in known.cadences.items()}
    phones = {str(number): phone for number, phone in known.caller_ids.items()}
    fields: dict[str, Any] = msgspec.to_builtins(nameless(form))
    for step in fields["steps"]:
        del step["id"], step["position"]
        step["caller_id"]["pool"] = [
            phones[number] for number in step["caller_id"]["pool"] if number in phones
        ]
        for rule in step["routing"]:
            rule["cadence"] = names.get(rule.pop("cadence_id"))
    done = fields["on_complete"]
    done["cadence"] = names.get(done.pop("cadence_id"))
    return msgspec.convert(
        {**fields, "name": name, "description": description, "format": FORMAT}, CadenceFile
    )


async def imported(call: Call, on: Connection, file: CadenceFile, own_id: int) -> CadenceForm:
    """The form that the file describes; its own name leads to `own_id`.

    Raises Problem 422 for each cadence and caller id that the account does not have.
    """
    fields: dict[str, Any] = msgspec.to_builtins(file)
    places = [
        (f"/steps/{index}/routing/{number}/cadence", rule)
        for index, step in enumerate(fields["steps"])
        for number, rule in enumerate(step["routing"])
    ]
    places.append(("/on_complete/cadence", fields["on_complete"]))
    pools = [
        (f"/steps/{index}/caller_id/pool/{number}", step["caller_id"], number)
        for index, step in enumerate(fields["steps"])
        for number in range(len(step["caller_id"]["pool"]))
    ]
    known = await references(
        call.deps.flow.database,
        call.account_id,
        names={said["cadence"] for _, said in places if said["cadence"]},
        phones={said["pool"][number] for _, said, number in pools},
        on=on,
    )
    ids = {name: number for number, (name, _) in known.cadences.items()} | {file.name: own_id}
    phones = {phone: number for number, phone in known.caller_ids.items()}
    errors: list[FieldError] = []
    for pointer, said in places:
        name = said.pop("cadence")
        said["cadence_id"] = None if name is None else str(ids.get(name))
        if name is not None and name not in ids:
            errors.append(FieldError("not-found", "no cadence of that name in this account", pointer=pointer))
    for pointer, said, number in pools:
        found = phones.get(said["pool"][number])
        said["pool"][number] = str(found)
        if found is None:
            errors.append(FieldError("not-found", "no such caller id in this account", pointer=pointer))
    if errors:
        raise Problem(
            "validation-failed",
            f"{errors[0].pointer}: {errors[0].detail}",
            hint="import what it leads to first, and make its caller ids",
            errors=tuple(errors),
        )
    for index, step in enumerate(fields["steps"]):
        check_free_form(step["advanced"]["metadata"], f"/steps/{index}/advanced/metadata")
    if file.windows is not None:
        fields["windows"] = read_week(file.windows, "/windows")
    del fields["format"]
    return nameless(msgspec.convert(fields, CadenceForm))
