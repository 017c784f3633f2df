"""`python -m bench.picture FILE.svg`: the README's picture, recorded from the demo as it runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMAND = 'make demo ARGS="--until-done"'
WIDTH = 128


def record(path: Path) -> None:
    """Run the demo and draw what it said, line by line, as a terminal shows it."""
    with tempfile.TemporaryDirectory(prefix="dwb-") as folder:
        said = subprocess.run(
            [sys.executable, "-m", "api.cli", "demo", "--until-done", "--no-browser", "--data-dir", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout.replace(folder, ".dialwheel")
    console = Console(record=True, width=WIDTH, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(Text(f"$ {COMMAND}", style="bold"))
    for line in said.splitlines():
        console.print(Text(line))
    svg = console.export_svg(title="dialwheel demo")
    path.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))  # no fonts from elsewhere


if __name__ == "__main__":
    record(Path(sys.argv[1]))
