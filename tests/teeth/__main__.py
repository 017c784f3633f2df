"""The teeth of the tests: each guard is taken out, and the tests must notice.

    python -m tests.teeth                      every guard
    python -m tests.teeth --only arm-early     one; may be given more than once
    python -m tests.teeth --json FILE          the table as a file

It exits with 1 when a guard's absence was not noticed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from bench.machine import machine
from tests.teeth.guards import GUARDS
from tests.teeth.run import Bite, bite_all, intact


def main() -> int:
    options = _options()
    names = options.only or list(GUARDS)
    well, out = intact(names)
    if not well:
        print(out[-3000:], file=sys.stderr)
        print("with every guard in place these tests fail: nothing can be proved", file=sys.stderr)
        return 1
    bites = bite_all(names, _say)
    caught = sum(each.caught for each in bites)
    print(f"{caught} of {len(bites)} guards are held by tests")
    if options.json:
        result = {"caught": caught, "guards": len(bites), "bites": bites, **machine()}
        Path(options.json).write_text(msgspec.json.format(msgspec.json.encode(result)).decode() + "\n")
    return 0 if caught == len(bites) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.teeth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", choices=sorted(GUARDS), metavar="GUARD")
    parser.add_argument("--json", help="a file for the results")
    return parser.parse_args()


def _say(done: Bite) -> None:
    by = done.caught_by[0].rpartition("::")[2] if done.caught else done.trouble
    print(
        f"{'caught' if done.caught else 'MISSED':6} {done.guard:28} {done.elapsed_s:5.1f} s  {by}", flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
