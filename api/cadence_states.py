"""The states of a cadence: who may go where, and what it must be fit for."""

from __future__ import annotations

from typing import NamedTuple

from api.problems import FieldError, Problem
from scheduler.domain.cadence_form import CadenceForm, faults_of
from scheduler.domain.model import Action, Channel, OnComplete


class Move(NamedTuple):
    """Out of one of `leaving`; a cadence that is in one of `there` needs no moving. `told`: as the audit log
    tells it; `otherwise`: what to do from any other state."""

    leaving: tuple[str, ...]
    there: tuple[str, ...]
    told: str
    otherwise: str = ""


MOVES = {
    "activate": Move(("inactive",), ("active",), "cadence_activated", "publish it: that makes it active"),
    "deactivate": Move(("active",), ("inactive",), "cadence_deactivated", "deactivate it while it is active"),
    "archive": Move(("draft", "active", "inactive"), ("archived",), "cadence_archived"),
    "restore": Move(("archived",), ("draft", "inactive"), "cadence_restored", "it is in use already"),
}
"""What leads where: an archived cadence comes back as inactive, or as the draft that it was. Publishing makes
a draft active and leaves the state of others as it is. Archived ones are neither edited nor published."""


def goal(move: str, version: int | None) -> str:
    """The state that a move leads to, for a cadence whose latest version is `version`."""
    if move == "restore":
        return "draft" if version is None else "inactive"
    return MOVES[move].there[0]


def conflict(status: str, do: str) -> Problem:
    """`do`: what to do from any state but the archive."""
    return Problem(
        "state-conflict", f"the cadence is {status}", hint="restore it first" if status == "archived" else do
    )


def check_runnable(form: CadenceForm, statuses: dict[int, str] | None) -> None:
    """`statuses`: of the cadences that it leads to, by number; None: wherever it leads. Raises Problem
    `cadence-invalid` that points at all places which keep it from being run."""
    errors: list[FieldError] = []
    for fault in faults_of(form):
        pointer, _, what = fault.what.partition(": ")
        errors.append(FieldError("invalid", f"{what}; {fault.do}", pointer=pointer))
    for index, step in enumerate(form.steps):
        if step.channel is not Channel.CALL:
            errors.append(
                FieldError("invalid", "this version makes calls only", pointer=f"/steps/{index}/channel")
            )
    for number, pointer in leads_to(form) if statuses is not None else ():
        status = (statuses or {}).get(number)
        if status in (None, "archived"):
            what = "no such cadence any more" if status is None else "that cadence is archived"
            errors.append(FieldError("not-found", what, pointer=pointer))
    if errors:
        raise Problem(
            "cadence-invalid",
            f"{errors[0].pointer}: {errors[0].detail}",
            errors=tuple(sorted(errors, key=_place)),
        )


def leads_to(form: CadenceForm) -> list[tuple[int, str]]:
    """The cadences that a form leads to, by number, with the places where it says so."""
    found = []
    for index, step in enumerate(form.steps):
        for number, rule in enumerate(step.routing):
            if rule.action is Action.TRANSITION and rule.cadence_id:
                found.append((int(rule.cadence_id), f"/steps/{index}/routing/{number}/cadence_id"))
    done = form.on_complete
    if done.action is OnComplete.TRANSITION and done.cadence_id:
        found.append((int(done.cadence_id), "/on_complete/cadence_id"))
    return found


def _place(error: FieldError) -> list[tuple[int, str]]:
    """By pointer, numbers as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in error.pointer.split("/")]
