"""What happened in one run, in order, and how often each thing that a run is made for did."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from tests.simulation.loop import SimulatedLoop


class History:
    """Lines of plain values. `sometimes` counts what has to happen in some run, or the runs prove little."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self.lines: list[tuple[Any, ...]] = []
        self.sometimes: Counter[str] = Counter()

    def said(self, what: str, *about: Any) -> None:
        self.lines.append((self._loop.now_s, what, *about))

    def count(self, name: str, times: int = 1) -> None:
        self.sometimes[name] += times

    def text(self) -> str:
        return "".join(f"{at_s:12.4f} {' '.join(map(str, rest))}\n" for at_s, *rest in self.lines)

    def digest(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()
