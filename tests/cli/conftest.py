"""The command line as people meet it: a process of its own, in an empty folder and an empty home."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.ports import free_port


def ports() -> dict[str, str]:
    """Settings of a process that runs beside others."""
    return {"DIALWHEEL_HTTP_PORT": str(free_port()), "DIALWHEEL_METRICS_PORT": str(free_port())}


class Done(NamedTuple):
    code: int
    out: str
    talk: str

    @property
    def three_lines(self) -> list[str]:
        """What an error says, without its labels, which must be there and in order."""
        lines = self.talk.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["error", "why", "do"], self.talk
        return [line.partition(":")[2].strip() for line in lines]


Dialwheel = Callable[..., Done]


@pytest.fixture
def dialwheel(tmp_path: Path) -> Dialwheel:
    """Run `dialwheel ARGUMENTS`; keywords are added to its environment."""
    cwd, home = tmp_path / "work", tmp_path / "home"
    cwd.mkdir()
    home.mkdir()

    def run(*arguments: str, **environ: str) -> Done:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DIALWHEEL_")}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "api.cli", *arguments],
            cwd=cwd,
            env={**clean, "HOME": str(home), "COLUMNS": "100", **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        return Done(done.returncode, done.stdout, done.stderr)

    return run
