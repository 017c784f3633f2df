"""The README shows what is true: figures of committed results, commands and folders that exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.commands import COMMANDS
from bench.readme import BEGIN, END, figures

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_figures_are_those_of_the_committed_results():
    shown = README[README.index(BEGIN) : README.index(END) + len(END)]

    assert shown == figures()


def test_every_command_shown_exists():
    shown = set(re.findall(r"(?:uv run |`)dialwheel ([a-z]+)", README))

    assert {"up", "import", "pause", "doctor", "down"} <= shown
    assert shown <= {command.split()[0] for command in COMMANDS}


def test_every_make_target_shown_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets


def test_every_folder_and_file_of_the_map_is_there():
    named = re.findall(r"`((?:scheduler|dialer|api|bench|lua|tests|docs)/[\w./]*)`", README)

    assert len(named) > 10
    for name in named:
        if name not in ("stories/", "faults/"):
            assert (ROOT / name).exists() or (ROOT / "scheduler" / name).exists(), name


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("https://"):
            assert (ROOT / target).exists(), target


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: README's lines were NOT run")
def test_the_curl_lines_do_as_they_stand_what_they_say(tmp_path: Path):
    """Against a real `dialwheel up`: none is refused, the lead is in, and in the end it is not called."""
    [lines] = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "curl" in block]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{_failing_curl(tmp_path)}:{os.environ['PATH']}",
    }
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    run(sys.executable, "-m", "api.cli", "up", "--detach")
    try:
        url = json.loads((tmp_path / ".dialwheel" / "run.json").read_text())["url"]
        said = run("bash", "-euc", lines.replace("http://127.0.0.1:8080", url))
    finally:
        run(sys.executable, "-m", "api.cli", "down")
    assert said.count('"name":"Ana Ruiz"') == 2
    assert '"rows":10000' in said
    assert '"object":"dnc_entry"' in said


def _failing_curl(folder: Path) -> Path:
    """A curl that fails when it is answered 400 or more, before the real one on the path."""
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "curl").write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --fail-with-body "$@"\n')
    (bin_ / "curl").chmod(0o755)
    return bin_
