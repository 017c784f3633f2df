"""Specs for previews, and `dialwheel preview` as a process of its own that may read its stdin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.preview.runner import Preview, play
from api.preview.spec import read_spec
from scheduler.errors import UsageError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "preview"
ALL_WEEK = {
    day: {"enabled": True, "ranges": [{"start": "08:00", "end": "20:00"}]}
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
}


def a_spec(**changes: Any) -> dict[str, Any]:
    """A follow-up of a lead in Denver that begins on a Monday at 09:00 there, with these changes."""
    return {
        "policy": {"strategy": "followup"},
        "lead": {"phone": "+13035550142"},
        "start_at": "2026-11-23T16:00:00Z",
    } | changes


def previewed(spec: dict[str, Any] | str) -> Preview:
    """The answer to a spec, or to the example of that name."""
    raw = (EXAMPLES / f"{spec}.json").read_bytes() if isinstance(spec, str) else json.dumps(spec).encode()
    return play(read_spec(raw)).preview


def refused(spec: dict[str, Any] | bytes) -> UsageError:
    """The error that a wrong spec is answered with."""
    raw = spec if isinstance(spec, bytes) else json.dumps(spec).encode()
    with pytest.raises(UsageError) as raised:
        play(read_spec(raw))
    return raised.value


def local_times(preview: Preview) -> list[str]:
    """`2026-11-23 10:00`, where the lead is."""
    return [attempt.at_local[:16].replace("T", " ") for attempt in preview.attempts]


class Done(NamedTuple):
    code: int
    out: str
    talk: str


Command = Callable[..., Done]


@pytest.fixture
def preview_command(tmp_path: Path) -> Command:
    """Run `dialwheel preview ARGUMENTS`, with `stdin` as its input, in a folder that has no dialwheel."""

    def run(*arguments: str, stdin: str = "") -> Done:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DIALWHEEL_")}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "api.cli", "preview", *arguments],
            cwd=tmp_path,
            env={**clean, "HOME": str(tmp_path), "PYTHONPATH": str(EXAMPLES.parents[1])},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        return Done(done.returncode, done.stdout, done.stderr)

    return run
