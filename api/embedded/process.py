"""What both launchers need: short socket paths, the tail of a log, an orderly end."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from scheduler.errors import StartError

SOCKET_PATH_LIMIT = 100
"""Bytes that a unix socket's path may have: 104 on macOS, 108 on Linux, less a little room."""


def socket_dir(base: Path, name: str) -> Path:
    """A private directory for the socket `name`: `base`, unless its path would be too long for a socket."""
    if len(os.fsencode(str(base / name))) < SOCKET_PATH_LIMIT:
        return base
    digest = hashlib.sha256(os.fsencode(str(base.absolute()))).hexdigest()[:10]
    short = Path(tempfile.gettempdir()) / f"dw-{os.geteuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise StartError(
            f"{short} is not a private directory of this user",
            "the path of the data directory is too long for a socket, and its short stand-in is taken",
            "choose a data directory with a shorter path",
        )
    return short


def log_tail(path: Path, characters: int = 600) -> str:
    """The end of a server's log, on one line, for an error message."""
    try:
        return " ".join(path.read_text(errors="replace")[-characters:].split())
    except OSError as error:
        return str(error)


def end_process(process: subprocess.Popen[bytes], stop_signal: signal.Signals, timeout_s: float) -> None:
    """Ask the process to stop, wait, and kill it if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(stop_signal)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
