"""Processor time of a server and its children, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(root: int | None) -> float:
    """Seconds that process `root` and those it started, ended or not, have used so far; 0 without one."""
    if root is None:
        return 0.0
    return sum(
        own_s + (ended_s if pid == root else 0.0)
        for pid, parent, own_s, ended_s in _processes()
        if root in (pid, parent)
    )


def _processes() -> list[tuple[int, int, float, float]]:
    """(pid, parent, seconds, seconds of its children that ended) of every process that can be read."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        own, own_system, ended, ended_system = (int(field) / _TICKS for field in fields[11:15])
        found.append((int(folder.name), int(fields[1]), own + own_system, ended + ended_system))
    return found
