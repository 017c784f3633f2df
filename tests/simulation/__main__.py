"""`python -m tests.simulation --seeds 2000`: the whole protocol under faults, in virtual time.

`--seed 123 --trace` plays one seed and prints its history: the same seed, the same history.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import sys
from pathlib import Path

from bench.machine import machine
from tests.simulation.facts import heard
from tests.simulation.runner import Total, mode_of, play, run_seeds, taped


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first of them")
    parser.add_argument("--mode", choices=("safety", "liveness", "both"), default="both")
    parser.add_argument("--json", type=Path, help="where the result goes")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print the history of --seed")
    parser.add_argument("--tape", type=Path, help="keep what --seed asks of its servers")
    parser.add_argument(
        "--teeth", action="store_true", help="take out each guard in turn: all must be missed"
    )
    parser.add_argument("--only", default="", help="with --teeth: guards whose name has this in it")
    asked = parser.parse_args()
    if asked.teeth:
        from tests.simulation.teeth import bite

        return 0 if bite(asked.only, asked.seeds, asked.json, asked.first) else 1
    if asked.tape is not None:
        asked.tape.write_bytes(pickle.dumps(taped(asked.seed)))
        return 0
    if asked.seed is not None:
        return _one(asked.seed, asked.mode, asked.trace)
    total = run_seeds(range(asked.first, asked.first + asked.seeds), asked.mode)
    _tell(total)
    if asked.json is not None:
        asked.json.write_text(json.dumps({**total.as_json(), **machine()}, indent=1) + "\n")
    return 1 if total.violations or total.missed() else 0


def _one(seed: int, mode: str, trace: bool) -> int:
    sys.unraisablehook = lambda _: None
    gc.disable()
    with heard() as facts:
        outcome = play(seed, mode, facts)
    if trace:
        print(outcome.history.text(), end="")
    for each in outcome.violations:
        print(f"{each.invariant} at {each.at_s:.3f} s: {each.what}")
    print(
        f"seed {seed} ({mode_of(seed, mode)}): {outcome.dials} dials in {outcome.simulated_s:.0f} s,"
        f" {len(outcome.violations)} violations, history {outcome.history.digest()[:16]}"
    )
    return 1 if outcome.violations else 0


def _tell(total: Total) -> None:
    for seed, mode, each in total.violations[:20]:
        print(f"seed {seed} ({mode}): {each.invariant} at {each.at_s:.1f} s: {each.what[:200]}")
    for name, times in sorted(total.sometimes.items()):
        print(f"{times:8} {name}")
    for name in total.missed():
        print(f"   NEVER {name}")
    print(
        f"{total.seeds} seeds in {total.elapsed_s:.1f} s ({total.seeds / total.elapsed_s:.1f}/s),"
        f" {total.simulated_s / 3600:.1f} simulated hours, {total.dials} dials,"
        f" {len(total.violations)} violations"
    )


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets of words is part of the history
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
