"""What the simulator has under way, as a JSON file: calls that outlive a stop between two runs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from dialer.providers.base import Action, ProviderEvent
from dialer.providers.simulated_model import Faults
from scheduler.domain.time import Ms
from scheduler.errors import StartError

FORMAT = "dialwheel.simulator/1"


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """An event that will be due, by one of the deliveries of `simulated_events`."""

    due_ms: Ms
    delivery: int
    event: ProviderEvent


class LiveCall(msgspec.Struct, frozen=True, array_like=True):
    """A call that can still be hung up: how it would end by itself, and when it was or will be answered."""

    ended: ProviderEvent
    answered_at_ms: Ms | None


class QueuedCall(msgspec.Struct, frozen=True, array_like=True):
    """A call taken above the rate that waits for its turn."""

    ref: str
    action: Action
    faults: Faults


class SimulatorState(msgspec.Struct, frozen=True, kw_only=True):
    """A simulator between two runs. It holds the numbers that were called: keep it as you keep the ledger."""

    format: str = FORMAT
    sequence: int
    pending: list[Pending]
    live: list[LiveCall]
    queued: list[QueuedCall]
    tries: dict[str, int]
    volume: dict[str, tuple[int, int]]
    next_turn_ms: float


def save_state(state: SimulatorState, path: Path) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as out:
        out.write(msgspec.json.encode(state))
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def load_state(path: Path) -> SimulatorState | None:
    """The state saved at `path`; None when there is none. Raises StartError when it cannot be read."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(raw, type=SimulatorState)
    except (msgspec.DecodeError, UnicodeDecodeError):
        state = None
    if state is None or state.format != FORMAT:
        raise StartError(
            "the simulator's saved calls cannot be read",
            f"{path.name} is damaged or comes from another version",
            "remove the file: calls that were under way are then written off as unknown",
        )
    return state
