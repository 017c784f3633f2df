"""Postgres refuses to run as root: how a root user starts it all the same, without an account of its own.

First choice is a user namespace that maps root to nobody: no account is made, no mode is changed.
Where namespaces are forbidden (some container profiles), the server runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scheduler.errors import StartError

CLONE_NEWUSER = 0x10000000
NOBODY = 65534


@dataclass(frozen=True)
class Drop:
    """How a child gives up root: `none`, `userns` or `setuid` to (uid, gid)."""

    mode: str
    uid: int = -1
    gid: int = -1

    def in_child(self) -> Callable[[], None]:
        """The function that runs between fork and exec."""
        libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

        def give_up_root() -> None:
            if self.mode == "userns":
                assert libc is not None
                if libc.unshare(CLONE_NEWUSER):
                    os._exit(97)
                for name, text in (
                    ("setgroups", "deny"),
                    ("uid_map", f"{NOBODY} 0 1"),
                    ("gid_map", f"{NOBODY} 0 1"),
                ):
                    with open(f"/proc/self/{name}", "w") as handle:
                        handle.write(text)
            elif self.mode == "setuid":
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)

        return give_up_root

    def allows(self, path: Path, tests: str) -> bool:
        """Whether the child could pass the shell tests (`r`, `x`) on `path`."""
        script = " && ".join(f'test -{test} "$1"' for test in tests)
        done = subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(path)], cwd="/", preexec_fn=self.in_child(), check=False
        )
        return done.returncode == 0


def choose_drop(environ: dict[str, str] | None = None) -> Drop:
    """The gentlest way that works here. `DIALWHEEL_NO_USERNS=1` skips the namespace."""
    environ = dict(os.environ) if environ is None else environ
    if os.geteuid() != 0:
        return Drop("none")
    if sys.platform == "linux" and not environ.get("DIALWHEEL_NO_USERNS"):
        drop = Drop("userns")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                ["/bin/true"], preexec_fn=drop.in_child(), stderr=subprocess.DEVNULL, check=False
            )
            if done.returncode == 0:
                return drop
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return Drop("setuid", account.pw_uid, account.pw_gid)
    raise StartError(
        "Postgres cannot be started as root here",
        "user namespaces are forbidden and there is neither a postgres nor a nobody account",
        "run dialwheel as a normal user, or name a server with DIALWHEEL_POSTGRES_URL",
    )
