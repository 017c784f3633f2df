"""The demo as a person runs it: a process of its own, private servers, a fast clock, no phone ringing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.referee import read_rings

SUMMARY = {
    "leads",
    "ended",
    "waiting",
    "attempts",
    "outcomes",
    "rings",
    "rejected_rows",
    "elapsed_s",
    "simulated_s",
    "dials_per_s",
}


class Told(NamedTuple):
    """What a finished demo said."""

    code: int
    out: str
    err: str

    def summary(self) -> dict[str, Any]:
        return json.loads(self.out)


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """`dialwheel demo` with its data under `folder`."""
    return subprocess.Popen(
        [sys.executable, "-m", "api.cli", "demo", "--no-browser", "--data-dir", str(folder / "d"), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def finish(process: subprocess.Popen[str]) -> Told:
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in err
    return Told(process.returncode, out, err)


def demo(folder: Path, *options: str) -> Told:
    return finish(start(folder, *options))


def assert_books_balance(summary: dict[str, Any]) -> None:
    assert set(summary) == SUMMARY
    assert summary["leads"] == sum(summary["ended"].values()) + summary["waiting"]
    assert summary["attempts"] == sum(summary["outcomes"].values())
    rings = summary["rings"]
    assert (rings["doubled"], rings["outside_hours"], rings["over_cap"]) == (0, 0, 0)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A demo of 120 leads, played until every loop has ended."""
    folder = tmp_path_factory.mktemp("demo")
    told = demo(
        folder,
        "--until-done",
        "--leads",
        "120",
        "--seed",
        "7",
        "--json",
        "-",
        "--rings",
        str(folder / "rings"),
    )
    assert told.code == 0, told.err
    return folder, told.summary()


def test_every_loop_ends_and_the_books_balance(played: tuple[Path, dict[str, Any]]):
    """P1, P2, D6: followed up without further action until reached or at a limit."""
    _, summary = played

    assert_books_balance(summary)
    assert summary["leads"] == 120
    assert summary["waiting"] == 0
    assert summary["attempts"] > 300
    assert summary["simulated_s"] > 5 * 86_400


def test_the_rings_file_holds_every_ring_with_its_candidates(played: tuple[Path, dict[str, Any]]):
    folder, summary = played

    rings = list(read_rings(folder / "rings"))

    assert len(rings) == summary["rings"]["total"]
    assert len({ring.key for ring in rings}) == len(rings)
    assert all(ring.zones and ring.regions and ring.phone.startswith("+1") for ring in rings)


def test_a_second_run_starts_where_the_data_is(played: tuple[Path, dict[str, Any]]):
    """Nothing is enrolled or called again."""
    folder, before = played

    after = demo(folder, "--until-done", "--leads", "120", "--seed", "7", "--json", "-").summary()

    for part in ("leads", "ended", "waiting", "attempts", "outcomes", "rings"):
        assert after[part] == before[part]


def test_the_same_seed_gives_the_same_books(played: tuple[Path, dict[str, Any]], tmp_path: Path):
    """Time and randomness are arguments: another installation plays the same game."""
    _, before = played

    again = demo(tmp_path, "--until-done", "--leads", "120", "--seed", "7", "--json", "-").summary()

    for part in ("leads", "ended", "attempts", "outcomes", "rings"):
        assert again[part] == before[part]


def test_ctrl_c_stops_cleanly_and_the_next_run_calls_nobody_twice(tmp_path: Path):
    """I1: calls under way are neither lost nor repeated over a stop."""
    first = start(tmp_path, "--until-done", "--leads", "150", "--json", "-")
    _wait_for_rings(tmp_path / "d" / "demo" / "simulator" / "rings.ndjson", first)
    first.send_signal(signal.SIGINT)
    stopped = finish(first)
    told = stopped.summary()

    second = demo(tmp_path, "--until-done", "--leads", "150", "--json", "-").summary()

    assert stopped.code == 130
    assert told["waiting"] > 0
    assert_books_balance(told)
    assert_books_balance(second)
    assert second["waiting"] == 0
    assert second["attempts"] > told["attempts"]


def test_the_scaled_clock_runs_everything_at_once(tmp_path: Path):
    process = start(tmp_path, "--leads", "60", "--speed", "3000", "--json", "-")
    _wait_for_rings(tmp_path / "d" / "demo" / "simulator" / "rings.ndjson", process)
    process.send_signal(signal.SIGTERM)

    summary = finish(process).summary()

    assert_books_balance(summary)
    assert summary["rings"]["total"] > 0


def test_more_leads_than_the_example_has_is_refused_in_three_lines(tmp_path: Path):
    told = demo(tmp_path, "--leads", "10001")

    assert told.code == 2
    assert "the example file has 10000 leads" in told.err


def _wait_for_rings(path: Path, process: subprocess.Popen[str], *, most_s: float = 60) -> None:
    """Until some phones have rung: the moment at which a stop is interesting."""
    deadline = time.monotonic() + most_s
    while not (path.exists() and path.stat().st_size > 5000):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
