"""The long tier's results: a line a trial in a file that is committed, added up over all runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.kinds import KINDS, SKIPPED
from tests.faults.nemesis import Outcome, summed

FOLDER = Path(__file__).parent / "results"
LONG = FOLDER / "long.ndjson"


class Line(msgspec.Struct, frozen=True):
    """One trial and where it ran."""

    outcome: Outcome
    commit: str
    date: str
    machine: str


def append(path: Path, line: Line) -> None:
    """Add one trial; a run that is cut loses at most the one under way."""
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")


def read(path: Path = LONG) -> list[Line]:
    if not path.exists():
        return []
    decoder = msgspec.json.Decoder(Line)
    return [decoder.decode(line) for line in path.read_bytes().splitlines()]


def next_seed(path: Path = LONG) -> int:
    """A seed that no trial in the file had: its runs go on where the last one ended."""
    return 1 + max((line.outcome.seed // 1_000_000 for line in read(path)), default=0)


def report(lines: list[Line]) -> dict[str, Any]:
    """What all runs say together. With no violation in N trials the share of violating ones is below 3/N with
    95 % confidence (the rule of three)."""
    outcomes = [line.outcome for line in lines]
    sums = summed(outcomes, seed=0, elapsed_s=sum(outcome.elapsed_s for outcome in outcomes))
    del sums["seed"]
    counted = sum(outcome.counts for outcome in outcomes)
    recoveries = sorted(o.recovery_s for o in outcomes if o.recovery_s is not None)
    return {
        **sums,
        "skipped": SKIPPED,
        "trials_in_all": counted,
        "bound_95": round(3 / counted, 6) if counted and not sums["violations"] else None,
        "by_kind": dict(sorted(Counter(o.kind for o in outcomes if o.counts).items())),
        "recovery_s": {
            "p50": round(recoveries[len(recoveries) // 2], 2),
            "p99": round(recoveries[int(len(recoveries) * 0.99)], 2),
            "max": round(recoveries[-1], 2),
        }
        if recoveries
        else None,
        "commits": sorted({line.commit for line in lines}),
        "dates": sorted({line.date for line in lines}),
        "machines": sorted({line.machine for line in lines}),
        "kinds": len(KINDS),
    }
