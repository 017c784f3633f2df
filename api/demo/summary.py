"""The demo's result: books that balance, and what the simulator's own ledger says."""

from __future__ import annotations

from typing import Any

import msgspec

from api.referee import Verdict
from scheduler.ledger.books import Books


class Summary(msgspec.Struct, frozen=True):
    """leads = sum(ended) + waiting; attempts = sum(outcomes). Seconds; `dials_per_s` per real second."""

    leads: int
    ended: dict[str, int]
    waiting: int
    attempts: int
    outcomes: dict[str, int]
    rings: dict[str, int]
    rejected_rows: int
    elapsed_s: float
    simulated_s: float
    dials_per_s: float


def summarize(
    books: Books,
    verdict: Verdict,
    *,
    rejected_rows: int,
    attempts_before: int,
    elapsed_s: float,
    simulated_s: float,
) -> Summary:
    """`attempts_before`: those of earlier runs on the same data, which this run's rate leaves out."""
    return Summary(
        leads=books.leads,
        ended=books.ended,
        waiting=books.waiting,
        attempts=books.attempts,
        outcomes=books.outcomes,
        rings=verdict.counts(),
        rejected_rows=rejected_rows,
        elapsed_s=round(elapsed_s, 3),
        simulated_s=round(simulated_s, 3),
        dials_per_s=round((books.attempts - attempts_before) / elapsed_s, 1) if elapsed_s else 0.0,
    )


def summary_json(summary: Summary) -> bytes:
    return msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"


def summary_lines(summary: Summary, verdict: Verdict) -> list[str]:
    """The summary in words, for a person."""
    days = summary.simulated_s / 86_400
    lines = [
        f"  {summary.leads:,} leads = {_sum_of(summary.ended)}{summary.waiting:,} waiting",
        f"  {summary.attempts:,} attempts = {_list_of(summary.outcomes)}",
        f"  {days:.1f} simulated days in {summary.elapsed_s:.1f} s, {summary.dials_per_s:,.0f} dials/s",
    ]
    if summary.rejected_rows:
        lines.append(f"  {summary.rejected_rows:,} rows were rejected at the import")
    rings = summary.rings
    lines.append(
        f"  The simulator's own ledger: {rings['total']:,} rings, {rings['doubled']} doubled, "
        f"{rings['outside_hours']} outside the hours, {rings['over_cap']} above a cap"
    )
    for kind, findings in verdict.details.items():
        lines += [f"    {kind}: {finding.reason} (attempt key {finding.key})" for finding in findings[:3]]
    return lines


def _sum_of(counts: dict[str, int]) -> str:
    return "".join(f"{count:,} {name} + " for name, count in counts.items())


def _list_of(counts: dict[str, Any]) -> str:
    return " + ".join(f"{count:,} {name}" for name, count in counts.items()) or "0"
