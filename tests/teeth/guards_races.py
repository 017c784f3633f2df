"""The races have teeth as well: without these guards they find calls after the answer."""

from __future__ import annotations

from tests.teeth import guards_ledger
from tests.teeth.guard import Guard

RACE = "tests/races/test_races.py::test_nobody_is_called_after_it_was_acknowledged_that_nobody_is"
RACES = {
    "opt-out-second-transaction": "opt-out-320",
    "opt-out-waits-for-permits": "opt-out-320",
    "pause-waits": "pause-128",
    "settings-wait": "settings-128",
}

GUARDS: dict[str, Guard] = {
    f"{name}:races": Guard(
        guards_ledger.GUARDS[name].holds, guards_ledger.GUARDS[name].patches, (f"{RACE}[{race}]",)
    )
    for name, race in RACES.items()
}
