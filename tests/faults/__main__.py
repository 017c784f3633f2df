"""`python -m tests.faults`: the fault suite."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.faults.kinds import KINDS
from tests.faults.nemesis import Outcome, run_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], help="a kind, by the beginning of its name")
    parser.add_argument("--json", default="-")
    options = parser.parse_args()
    only = [name for name in KINDS if any(name.startswith(begin) for begin in options.only)]

    def tell(outcome: Outcome) -> None:
        state = "ok" if outcome.counts else "missed"
        for violation in outcome.violations:
            state = f"{violation.invariant}: {violation.detail}"
        print(f"{outcome.elapsed_s:5.1f} s  {outcome.kind:28} seed {outcome.seed}  {outcome.dials:3} dials"
              f"  {state}", file=sys.stderr, flush=True)  # fmt: skip

    with tempfile.TemporaryDirectory(prefix="dwf-") as folder:
        sums = run_all(
            Path(folder),
            seed=options.seed,
            minutes=options.minutes,
            lanes=options.lanes,
            only=only,
            tell=tell,
        )
    text = msgspec.json.format(msgspec.json.encode(sums)).decode()
    if options.json == "-":
        print(text)
    else:
        Path(options.json).write_text(text + "\n")
    return 1 if sums["violations"] or not all(sums["sometimes"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
