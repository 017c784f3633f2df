"""Every benchmark runs and answers the figures that the README shows; how fast it was is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def bench(*arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_path_benchmark_settles_every_lead_that_was_due():
    result = bench("path", "--leads", "600", "--profile")

    assert result["settled"] >= 500
    assert result["attempts_per_s"] > 0
    assert result["profile"]
    assert result["machine"]["cores"] >= 1


def test_the_live_benchmark_sees_every_posted_lead_dialled():
    """P4, P14: a new live lead is called at once, beside a bulk backlog."""
    result = bench("live", "--backlog", "600", "--live", "20", "--bulk-per-s", "50")

    assert result["answered_2xx"] == result["posted"] == 20
    assert result["dialled"] == 20
    assert set(result["answered_to_dial_ms"]) == {"p50", "p90", "p99", "max"}


def test_the_lateness_benchmark_dials_everything_once_and_nothing_early():
    """P3: never early; how late is a figure, not a test."""
    result = bench("lateness", "--waiting", "300", "--per-s", "50", "--seconds", "3")

    assert result["due"] == result["claimed"] == result["dialled"] == 150
    assert (result["early"], result["dialled_twice"]) == (0, 0)
    for figure in ("due_to_claimed_ms", "due_to_dial_ms"):
        assert set(result[figure]) == {"p50", "p90", "p99", "max"}
    assert result["gate_to_send_us"]["p999"] > 0


def test_the_planner_benchmark_plans_with_every_preset():
    result = bench("planner", "--leads", "400", "--loops", "800")

    assert result["replanned"] == 800
    assert len(result["us_per_plan"]) >= 7
    assert all(value > 0 for value in result["us_per_plan"].values())


@pytest.mark.parametrize("called", [[], ["--called"]])
def test_the_recalculate_benchmark_leaves_no_loop_behind(called: list[str]):
    """I20: stale-version rows reach 0, whether calls move or not."""
    result = bench("recalculate", "--loops", "1500", *called)

    for change in (result["moving"], result["not_moving"]):
        assert change["loops"] > 1000
        assert change["seconds"] > 0
        impact = change["impact"]
        assert impact["examined"] == sum(impact[kind] for kind in ("earlier", "later", "unchanged", "out"))
    assert result["moving"]["impact"]["later"] > 0
    assert result["not_moving"]["impact"]["later"] == 0


def test_the_import_benchmark_accounts_for_every_row():
    """I21: rows in = created + updated + unchanged + duplicate + suppressed + rejected."""
    result = bench("import", "--rows", "3000")

    assert result["rows"] == 3000
    totals = result["totals"]
    kinds = ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")
    assert sum(totals[kind] for kind in kinds) == 3000
    assert totals["created"] > 2900
