"""The outputs on docs/preview.md: `python -m tests.preview.documents` writes them anew."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path

from whenever import ZonedDateTime

from api.cli.app import run
from scheduler.domain.callback_words import Window, read_callback

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "preview.md"
NEW_YORK = "America/New_York"
THURSDAY_MS = ZonedDateTime(2026, 11, 19, 10, 30, tz=NEW_YORK).timestamp(unit="millisecond")

_BLOCK = re.compile(r"```console\n\$ dialwheel (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
_ROWS = re.compile(r"(?<=\| words \| read as \| confidence \|\n\|---\|---\|---\|\n)(?:\|[^\n]*\n)+")


def renewed(page: str) -> str:
    """The page with what the commands and the grammar answer now."""
    page = _BLOCK.sub(
        lambda block: f"```console\n$ dialwheel {block['command']}\n{output_of(block['command'])}```", page
    )
    return _ROWS.sub(lambda rows: "".join(map(_row, rows[0].splitlines())), page)


def commands_on(page: str) -> list[str]:
    return [block["command"] for block in _BLOCK.finditer(page)]


def output_of(command: str) -> str:
    """What the command prints, through `cut -f 1,3-` where it says so."""
    words, piped, _ = command.partition(" | ")
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written), contextlib.chdir(ROOT):
        run(shlex.split(words))
    lines = written.getvalue().splitlines()
    if piped:
        rows = (line.split("\t") for line in lines)
        lines = ["\t".join([*row[:1], *row[2:]]) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def _row(row: str) -> str:
    words = row.split("|")[1].strip()
    found = read_callback(words, NEW_YORK, THURSDAY_MS)
    if isinstance(found, Window):
        return f"| {words} | {found.read.removesuffix(NEW_YORK).strip()} | {found.confidence} |\n"
    return f"| {words} | not understood: {found.what} | |\n"


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    PAGE.write_text(renewed(PAGE.read_text()))
