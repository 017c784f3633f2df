"""A few trials of the fault suite in each run of the tests; `make faults` runs all kinds, and for longer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.faults import document, nemesis, results
from tests.faults.bed import Bed, Violation
from tests.faults.kinds import KINDS, SKIPPED
from tests.faults.nemesis import Aim, Outcome, never_met, run_lane, summed
from tests.faults.sometimes import COUNTERS

ROOT = Path(__file__).parents[2]
KIND = "F2 c7"


def an_outcome(seed: int, **how: Any) -> Outcome:
    usual: dict[str, Any] = {"kind": "F2 c4", "counts": True, "violations": [], "sometimes": {}, "dials": 5}
    return Outcome(seed=seed, **{**usual, "recovery_s": None, "elapsed_s": 2.0, **how})


def test_a_trial_of_the_fault_suite_violates_nothing(tmp_path: Path) -> None:
    """I1 to I16: a dialer killed between a call and its record. All kinds run as `make faults`, which CI
    does too."""
    done = subprocess.run(
        [
            *[sys.executable, "-m", "tests.faults", "--only", KIND],
            *["--minutes", "0", "--lanes", "1", "--json", tmp_path / "f"],
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
    assert sums["sometimes"]["killed at c7"] == 1
    assert sums["dials"] > 10


async def test_a_kind_that_missed_its_window_is_tried_with_other_seeds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried: list[tuple[str, int]] = []

    async def trial(bed: Bed, name: str, seed: int) -> Outcome:
        tried.append((name, seed))
        return an_outcome(seed, kind=name, counts=seed == 2, sometimes={"loops put back": seed // 4})

    monkeypatch.setattr(nemesis, "run_trial", trial)
    seeds = iter(range(100))
    aims = [Aim("F1 dialer"), Aim("F7 last writes lost", "loops put back"), Aim("F5")]

    await run_lane(Bed(tmp_path), aims, lambda: next(seeds), lambda outcome: None)

    assert tried[:3] == [("F1 dialer", 0), ("F1 dialer", 1), ("F1 dialer", 2)]
    assert tried[3:5] == [("F7 last writes lost", 3), ("F7 last writes lost", 4)]
    assert tried[5:] == [("F5", 5), ("F5", 6), ("F5", 7), ("F5", 8)], "then it counts as never met"


def test_what_no_trial_met_is_aimed_at_by_the_kind_that_meets_it() -> None:
    outcomes = [an_outcome(1, sometimes=dict.fromkeys(COUNTERS, 1) | {"call slots freed": 0})]
    assert never_met(outcomes) == [Aim("F2 c10", "call slots freed")]
    assert set(COUNTERS.values()) <= set(KINDS)
    assert summed(outcomes, seed=1, elapsed_s=1)["sometimes"]["call slots freed"] == 0


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
    matrix = {f"F{number}" for number in range(1, 38)}
    assert matrix - told - {name.split()[0] for name in SKIPPED} == set()


def test_the_published_figures_are_those_of_the_result_files() -> None:
    page = document.PAGE.read_text()
    assert document.renewed(page) == page, "renew it: python -m tests.faults document"
