"""`run.json` and `key` in the data directory: how commands find the dialwheel that runs there."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import msgspec


class RunFile(msgspec.Struct, kw_only=True):
    """One run. `started_mark` tells its process from a later one that got the same pid.

    `lines` is the table that was printed; `servers` are addresses of private servers only: no secrets.
    """

    pid: int
    started_mark: str
    url: str
    metrics_url: str
    started_at: str
    ready_s: float
    lines: list[tuple[str, str, str]] = msgspec.field(default_factory=list)
    servers: dict[str, str] = msgspec.field(default_factory=dict)


def read_run(data: Path) -> RunFile | None:
    """The run that is alive in `data`, or None."""
    try:
        run = msgspec.json.decode((data / "run.json").read_bytes(), type=RunFile)
    except (OSError, msgspec.DecodeError):
        return None
    return run if process_mark(run.pid) == run.started_mark else None


def write_run(data: Path, run: RunFile) -> None:
    write_private(data / "run.json", msgspec.json.encode(run) + b"\n")


def remove_run(data: Path) -> None:
    (data / "run.json").unlink(missing_ok=True)


def read_key(data: Path) -> str | None:
    """The API key that `up` saved."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (data / "key").read_text(encoding="ascii").strip() or None
    return None


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` in one step; only its owner may read it."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)


def process_mark(pid: int) -> str | None:
    """When the process was started, in the system's own words; None when there is no such process."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state == "Z" else fields[18]  # field 22 of proc(5): start time in ticks since boot
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
