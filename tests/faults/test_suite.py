"""A few trials of the fault suite in each run of the tests; `make faults` runs all kinds, and for longer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.faults import document, results
from tests.faults.bed import Violation
from tests.faults.kinds import KINDS
from tests.faults.nemesis import Outcome, summed

ROOT = Path(__file__).parents[2]


def an_outcome(seed: int, **how: Any) -> Outcome:
    usual: dict[str, Any] = {"kind": "F2 c4", "counts": True, "violations": [], "sometimes": {}, "dials": 5}
    return Outcome(seed=seed, **{**usual, "recovery_s": None, "elapsed_s": 2.0, **how})


@pytest.mark.parametrize(
    "kinds",
    [
        ("F1 dialer", "F2 c4", "F2 c7", "F3 c3"),
        ("F6 wiped", "F7", "F14 backends", "F15 commit"),
        ("F20 drop", "F21 again", "F23", "F37"),
    ],
    ids=lambda kinds: kinds[0],
)
def test_trials_of_the_fault_suite_violate_nothing(kinds: tuple[str, ...], tmp_path: Path) -> None:
    """I1 to I16, I23, I25: real dialers and servers, killed, stopped, wiped, cut off, answered badly."""
    only = [word for kind in kinds for word in ("--only", kind)]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faults",
            *only,
            *["--minutes", "0", "--lanes", "2", "--json"],
            tmp_path / "f",
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    sums = msgspec.json.decode((tmp_path / "f").read_bytes())
    assert sums["violations"] == []
    met = sum(name.startswith(kinds) for name in KINDS)
    assert sum(sums["trials"].values()) == met, "every fault met its window"
    assert sums["dials"] > 20


def test_the_sums_count_trials_that_met_their_window_and_every_violation() -> None:
    met = an_outcome(1, counts=True, sometimes={"killed at c4": 1}, dials=9)
    missed = an_outcome(2, counts=False, violations=[Violation("I1", "twice")], dials=3)
    outcomes = [met, missed]
    sums = summed(outcomes, seed=7, elapsed_s=4.0)
    assert sums["trials"]["F2"] == 1
    assert sums["violations"] == [{"invariant": "I1", "detail": "twice", "fault": "F2 c4", "seed": 2}]
    assert sums["sometimes"]["killed at c4"] == 1
    assert sums["sometimes"]["killed at c5"] == 0, "what was never met is shown"
    assert (sums["dials"], sums["seed"]) == (12, 7)


def test_results_add_up_and_the_next_run_begins_where_the_last_ended(tmp_path: Path) -> None:
    path = tmp_path / "long.ndjson"
    assert results.next_seed(path) == 1
    for count in range(3):
        outcome = an_outcome(4_000_000 + count, kind="F5", recovery_s=float(count))
        results.append(path, results.Line(outcome, "abc", "2026-01-02", "a machine"))
    assert results.next_seed(path) == 5
    told = results.report(results.read(path))
    assert (told["trials"]["F5"], told["dials"], told["trials_in_all"]) == (3, 15, 3)
    assert told["bound_95"] == 1.0
    assert told["recovery_s"]["max"] == 2.0


def test_every_kind_says_which_fault_it_is_and_what_it_must_meet() -> None:
    assert all(kind.needs for kind in KINDS.values())
    told = {kind.number for kind in KINDS.values()}
    matrix = {*range(1, 8), 9, 10, 11, 14, 15, 16, 20, 21, 23, 24, 25, 28, 29, 32, 33, 35, 36, 37}
    assert {f"F{number}" for number in matrix} <= told


def test_the_published_figures_are_those_of_the_result_files() -> None:
    page = document.PAGE.read_text()
    assert document.renewed(page) == page, "renew it: python -m tests.faults document"
