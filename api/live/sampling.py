"""No more of a kind a second than anybody can read, evenly picked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

SHOWN_PER_S = 50


class Sampler:
    """Lets `SHOWN_PER_S` a second through; what a quiet second did not use is not saved up."""

    def __init__(self, now_s: float) -> None:
        self._allowed = float(SHOWN_PER_S)
        self._at_s = now_s

    def pick(self, things: Sequence[T], now_s: float) -> tuple[Sequence[T], float]:
        """Those that go through, and which part of all of them that is."""
        self._allowed = min(SHOWN_PER_S, self._allowed + (now_s - self._at_s) * SHOWN_PER_S)
        self._at_s = now_s
        shown = min(len(things), int(self._allowed))
        self._allowed -= shown
        if shown == len(things):
            return things, 1.0
        step = len(things) / max(1, shown)
        return [things[int(place * step)] for place in range(shown)], shown / len(things)
