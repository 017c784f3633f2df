"""The kinds of fault, by their numbers in the fault matrix. Each drives one trial; whether it met its window
is what `hit` counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tests.faults.bed import Trial

Script = Callable[[Trial], Awaitable[None]]


class Kind(msgspec.Struct, frozen=True):
    """One fault: how a trial of it goes, and the world it wants. It counts where all of `needs` were hit."""

    number: str
    script: Script
    needs: tuple[str, ...] = ()
    world: dict[str, Any] = {}
    weight: int = 1


SKIPPED: dict[str, str] = {
    "F34": "a cancellation at each await is the simulation's: python -m tests.simulation",
}
"""Faults of the matrix that no process of this machine can be made to have, and why."""

KINDS: dict[str, Kind] = {}
"""By name: the number, and what distinguishes it from others of that number."""


def fault(
    number: str, name: str = "", *, needs: tuple[str, ...] = (), weight: int = 1, **world: Any
) -> Callable[[Script], Script]:
    """Register the script. `world` goes to `a_trial`."""

    def registered(script: Script) -> Script:
        key = f"{number} {name}".strip()
        assert key not in KINDS, key
        KINDS[key] = Kind(number, script, needs, world, weight)
        return script

    return registered
