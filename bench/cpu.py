"""Processor time of a server and its children, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(root: int | None) -> float:
    """Seconds that process `root` and those it started have used so far; 0 without one."""
    if root is None:
        return 0.0
    return sum(seconds for pid, parent, seconds in _processes() if root in (pid, parent))


def _processes() -> list[tuple[int, int, float]]:
    """(pid, parent, seconds) of every process that can be read."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        found.append((int(folder.name), int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS))
    return found
