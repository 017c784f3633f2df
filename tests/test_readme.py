"""The README shows what is true: figures of committed results, commands and folders that exist."""

from __future__ import annotations

import re
from pathlib import Path

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
