"""The fault suite: real processes and servers, faults by lot, checks against a provider that counts.

    python -m tests.faults --tier short             every kind once, then by lot until the time is up
    python -m tests.faults --tier long --minutes 60 the same without end, added to tests/faults/results/
    python -m tests.faults --only "F2 c4" --seed 7  one kind
    python -m tests.faults report                   all that the long tier has found so far
    python -m tests.faults document                 the same, into docs/reliability.md

Progress goes to standard error, one JSON object to standard output. It exits with 1 when anything was
violated, or when a fault of the short tier never met its window.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from bench.machine import machine
from tests.faults import document, results
from tests.faults.kinds import KINDS, SKIPPED
from tests.faults.nemesis import Outcome, run_all

MINUTES = {"short": 10.0, "long": 60.0}


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server is left behind
    options = _options()
    if options.what == "document":
        document.PAGE.write_text(document.renewed(document.PAGE.read_text()))
        return 0
    if options.what == "report":
        _write(results.report(results.read()), options.json)
        return 0
    only = [name for name in KINDS if any(name.startswith(begin) for begin in options.only)]
    here = machine()
    label = f"{here['cpu']}, {here['cores']} cores"
    seed = options.seed or (results.next_seed() if options.tier == "long" else 1)

    def tell(outcome: Outcome) -> None:
        _say(outcome)
        if options.tier == "long":
            results.append(results.LONG, results.Line(outcome, here["commit"], here["date"], label))

    with tempfile.TemporaryDirectory(prefix="dwf-") as folder:
        sums = run_all(
            Path(folder),
            seed=seed,
            minutes=MINUTES[options.tier] if options.minutes is None else options.minutes,
            lanes=options.lanes,
            only=only,
            each_once=options.tier == "short" or bool(only),
            tell=tell,
        )
    for name, why in SKIPPED.items():
        print(f"skipped {name}: {why}", file=sys.stderr)
    _write({**sums, "skipped": SKIPPED, **here}, options.json)
    unmet = [name for name, hits in sums["sometimes"].items() if not hits]
    if options.tier == "short" and not only and unmet:
        print("never met: " + ", ".join(unmet), file=sys.stderr)
        return 1
    return 1 if sums["violations"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=["run", "report", "document"], default="run")
    parser.add_argument("--tier", choices=list(MINUTES), default="short")
    parser.add_argument("--minutes", type=float, help="10 for the short tier, 60 for the long one")
    parser.add_argument("--seed", type=int, help="1; the long tier goes on where it ended")
    parser.add_argument("--lanes", type=int, default=3, help="trials side by side, each with its own servers")
    parser.add_argument("--only", action="append", default=[], help="kinds, by the beginning of their names")
    parser.add_argument("--json", default="-", help="a file for the sums; - for standard output")
    return parser.parse_args()


def _say(outcome: Outcome) -> None:
    state = "ok" if outcome.counts else "not met"
    for violation in outcome.violations:
        state = f"VIOLATED {violation.invariant}: {violation.detail}"
    trial = f"{outcome.kind:28} seed {outcome.seed:<9} {outcome.dials:3} dials"
    print(
        f"{outcome.elapsed_s:5.1f} s  {trial}  {state}",
        file=sys.stderr,
        flush=True,
    )


def _write(sums: dict[str, Any], where: str) -> None:
    text = msgspec.json.format(msgspec.json.encode(sums)).decode()
    if where == "-":
        print(text)
    else:
        Path(where).write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
