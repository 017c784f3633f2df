"""A disk of a few megabytes in memory, to be filled and freed."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"
LOOKS = 100


class SmallDisk:
    """One mounted tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, *, leave: int = 0) -> None:
        """Use up all but `leave` bytes, beside a server that takes and frees room meanwhile."""
        with open(self.path / BALLAST, "ab") as ballast:
            for _ in range(LOOKS):
                size = self._room() - leave
                if size <= 0:
                    return
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise  # else the server was quicker with a part of it
        raise AssertionError(f"{self.path} had room again after each of {LOOKS} fillings")

    def _room(self) -> int:
        """Bytes."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

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
