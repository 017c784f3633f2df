"""The command line: `dialwheel COMMAND`. Results go to stdout, talk to stderr; `exits` lists the codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    from api.cli.app import run

    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


__all__ = ["main"]
