"""The wheel's benchmark answers every figure that was asked for, and its arithmetic is right. How fast
the wheel was is not judged here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench.figures import spread
from bench.wheel_backlog import evenness
from bench.wheel_table import wheel_table
from tests.bench.test_bench import bench

ABOUT_THE_RUN = {"bench", "runs", "seconds", "server", "settings", "machine", "command"}
QUANTILES = {"p50", "p90", "p99", "max"}
ASKED_FOR: dict[str, set[str]] = {
    "place_per_s": set(),
    "place_sparse_per_s": set(),
    "place_of_raw_zadd": set(),
    "cycle_per_s": set(),
    "cycle_by_batch": {"100", "500"},
    "cycle_of_raw_move": set(),
    "raw_zadd_per_s": set(),
    "raw_move_per_s": set(),
    "claim_ms": QUANTILES,
    "claim_ms_10k_lanes": {"hours", "pace", "gates", "account", "worst"},
    "bytes_per_attempt": {"sparse", "dense", "plain_zset"},
    "live_claim_ms": QUANTILES,
    "bulk_per_s": {"200", "2000"},
    "bulk_cv": {"200", "2000"},
    "bulk_sliding_max": {"200", "2000"},
    "rebuild_s_per_million": set(),
    "idle_requests_per_s": {"empty", "work_in_an_hour"},
}


def leaves(figures: Any) -> Iterator[dict[str, float]]:
    for figure in figures.values():
        if isinstance(figure, dict) and not any(isinstance(value, dict) for value in figure.values()):
            yield figure
        else:
            yield from leaves(figure)


def test_the_wheel_benchmark_gives_every_figure_as_median_least_and_most():
    """I18, I19 as figures: what the design's goals are held against is there, nested or not."""
    result = bench("wheel", "--quick", "--runs", "1", "--json", "-")

    figures = {name: figure for name, figure in result.items() if name not in ABOUT_THE_RUN}
    assert figures.keys() == ASKED_FOR.keys()
    for name, parts in ASKED_FOR.items():
        assert figures[name].keys() == (parts or {"median", "min", "max"}), name
    for figure in leaves(figures):
        assert figure.keys() == {"median", "min", "max"}
        assert 0 <= figure["min"] <= figure["median"] <= figure["max"]
    assert result["settings"]["cycle"]["batch"] in (100, 500)
    assert result["command"] == "python -m bench wheel --quick --runs 1 --json -"
    assert any("bulk at 2,000/s" in line for line in wheel_table(result))


def test_every_figure_of_several_runs_is_spread_nested_ones_too():
    runs = [{"a": 3.0, "b": {"c": 10}}, {"a": 1.0, "b": {"c": 30}}, {"a": 2.0, "b": {"c": 123_456.7}}]

    assert spread(runs) == {
        "a": {"median": 2, "min": 1, "max": 3},
        "b": {"c": {"median": 30, "min": 10, "max": 123_457}},
    }


def test_a_volume_that_is_the_same_every_second_does_not_vary():
    even = evenness([(100 + n / 10, 20) for n in range(30)], began_s=100, seconds=3, per_s=200)

    assert even == {"mean_per_s": 200, "cv": 0, "sliding_max": 1}


def test_a_burst_across_two_seconds_is_seen_by_the_sliding_one():
    """I19: two halves of a burst, each within its own second, are one second's volume."""
    given = [(100.2, 100), (100.9, 100), (101.1, 100), (102.5, 100)]

    uneven = evenness(given, began_s=100, seconds=3, per_s=100)

    assert uneven["sliding_max"] == 3
    assert uneven["cv"] == pytest.approx(0.3536, abs=1e-4)
