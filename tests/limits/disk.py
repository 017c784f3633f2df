"""A disk of a few megabytes in memory, to be filled and freed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


class SmallDisk:
    """One mounted tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, *, leave: int = 0) -> None:
        """Use up all but `leave` bytes."""
        disk = os.statvfs(self.path)
        size = disk.f_bavail * disk.f_frsize - leave
        if size > 0:
            with open(self.path / BALLAST, "ab") as ballast:
                os.posix_fallocate(ballast.fileno(), ballast.tell(), size)

    def free(self) -> None:
        (self.path / BALLAST).unlink(missing_ok=True)


@contextmanager
def a_small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounted at `path` for as long as the block runs; skips where nobody may mount."""
    path.mkdir(parents=True, exist_ok=True)
    if why := _mount(path, megabytes):
        pytest.skip(f"full disks were NOT tested: {why}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def why_no_disks() -> str:
    """Why this machine cannot mount small disks; empty where it can."""
    with tempfile.TemporaryDirectory() as folder:
        why = _mount(Path(folder), 1)
        if not why:
            subprocess.run(["umount", folder], check=True)
        return why


def _mount(path: Path, megabytes: int) -> str:
    """Empty when it worked."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"mounting needs root ({done.stderr.strip()})" if done.returncode else ""
