"""`python -m bench demo`: the demo as a person runs it, to its end, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Any

import msgspec


def run(leads: int) -> dict[str, Any]:
    """The demo's own summary. Raises CalledProcessError where the books or the referee say no."""
    with tempfile.TemporaryDirectory(prefix="dwb-") as folder:
        command = [sys.executable, "-m", "api.cli", "demo", "--until-done", "--no-browser"]
        options = ["--leads", str(leads), "--json", "-", "--data-dir", folder]
        done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    return {"bench": "demo", **msgspec.json.decode(done.stdout)}
