"""When steps of cadences were made and last changed: kept beside the draft, which says nothing of time."""

from __future__ import annotations

import msgspec

from scheduler.domain.cadence_form import CadenceForm
from scheduler.domain.time import Ms
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_ms


class StepTimes(msgspec.Struct, frozen=True):
    """`known`: made and changed, by the steps' numbers. `otherwise`: those of what the steps stand in, for
    steps without a number and those of whom nobody kept it."""

    known: dict[int, tuple[Ms, Ms]]
    otherwise: tuple[Ms, Ms]

    def of(self, step_id: int) -> tuple[Ms, Ms]:
        return self.known.get(step_id, self.otherwise)

    def written(self) -> str:
        return msgspec.json.encode(self.known).decode()


def times_of(row: Row) -> StepTimes:
    """Of the steps of a cadence's draft, or of a version."""
    return StepTimes(_known.decode(row["step_times"]), times_of_all(row).otherwise)


def times_of_all(row: Row) -> StepTimes:
    """Of steps that have the times of the row that they stand in."""
    return StepTimes({}, (to_ms(row["created_at"]), to_ms(row["updated_at"])))


def times_after(before: CadenceForm, after: CadenceForm, times: StepTimes, now_ms: Ms) -> StepTimes:
    """`times` once a draft has gone from `before` to `after`, whose steps all have numbers. A step that went
    to another place has changed; one that was taken out and is back was made when it was made first, if
    `times` knows that."""
    was = {step.id: (place, step) for place, step in enumerate(before.steps)}
    known = {}
    for place, step in enumerate(after.steps):
        made, changed = times.of(step.id) if step.id in was else times.known.get(step.id, (now_ms, now_ms))
        known[step.id] = (made, changed if was.get(step.id) == (place, step) else now_ms)
    return StepTimes(known, times.otherwise)


_known = msgspec.json.Decoder(dict[int, tuple[Ms, Ms]])
