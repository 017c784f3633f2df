"""The comparison with peers runs, and its table says what its file says; who is faster is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.peers import envs
from bench.peers.envs import NotInstalled, runner
from bench.peers.python.brief import Brief
from bench.peers.rivals import OURS, RIVALS
from bench.peers.run import FIGURES, best_peers
from bench.peers.table import peers_table

SPREAD = {"median", "min", "max"}
INSTALLED_ONLY = ("--quick", "--runs", "1", "--no-install", "--json", "-")


def bench(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "peers", *INSTALLED_ONLY, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def an_installed_peer() -> str:
    for rival in RIVALS:
        if rival != OURS:
            try:
                runner(rival, install=False)
            except NotInstalled:
                continue
            return rival.name
    pytest.skip("no peer is installed (python -m bench peers installs them): peers were NOT run")


def assert_measured(peer: dict[str, Any]) -> None:
    for figure in ("schedule_per_s", "bytes_per_job", "drain_per_s", "early"):
        assert set(peer[figure]) == SPREAD, figure
    assert set(peer["due_to_start_ms"]) >= {"p50", "p99"}
    assert all(set(quantile) == SPREAD for quantile in peer["due_to_start_ms"].values())
    assert peer["version"]
    assert peer["settings"]
    assert peer["drain_per_s"]["median"] > 0


def test_dialwheels_own_row_runs_every_job_once_it_is_due_and_none_before():
    """DESIGN 4: claimed a quarter of a second ahead, held on a local timer, never early."""
    result = bench("--only", OURS.name)

    assert set(result["peers"]) == {OURS.name}
    assert_measured(result["peers"][OURS.name])
    assert result["peers"][OURS.name]["early"]["max"] == 0
    assert set(result["servers"]) == {"valkey", "postgres"}
    assert result["best_peer"] == {}


def test_a_peer_that_is_installed_is_measured_on_every_line():
    name = an_installed_peer()

    result = bench("--only", name)

    assert set(result["peers"]) == {OURS.name, name}
    assert_measured(result["peers"][name])
    assert set(result["best_peer"]) == set(FIGURES)
    assert any(line.startswith(f"| {name} ") for line in peers_table(result))


@pytest.mark.parametrize("name", ["arq", "bullmq"])
def test_nothing_is_installed_where_that_is_not_wanted(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(envs, "TOOLS", tmp_path)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NotInstalled, match="not installed"):
        runner(next(rival for rival in RIVALS if rival.name == name), install=False)

    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_does_not_exist_is_refused_by_name():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "peers", "--only", "sidekiq"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "no such peer: sidekiq" in done.stderr


def test_a_skipped_peer_is_in_the_table_with_its_reason():
    figures = {
        "schedule_per_s": {"median": 10, "min": 10, "max": 10},
        "bytes_per_job": {"median": 1.5, "min": 1, "max": 2},
        "drain_per_s": {"median": 1200, "min": 1000, "max": 1300},
        "due_to_start_ms": {name: {"median": 3, "min": 3, "max": 3} for name in ("p50", "p99")},
        "early": {"median": 0, "min": 0, "max": 0},
        "version": "1",
        "store": "valkey",
    }
    peers = {OURS.name: figures, "arq": figures, "saq": {"skipped": "no network"}}
    machine = {"cores": 2, "cpu": "c", "memory_gib": 1, "system": "Linux", "python": "3", "date": "d"}

    lines = peers_table(
        {
            "peers": peers,
            "best_peer": best_peers(peers),
            "servers": {"valkey": "9", "postgres": "18"},
            "machine": machine,
            "command": "python -m bench peers",
            "runs": 3,
            "note": "",
        }
    )

    assert "| saq | skipped: no network |" in lines
    assert "| arq 1 | Valkey | 10 | 1.5 (1 to 2) | 1,200 (1,000 to 1,300) | 3 | 3 | 0 |" in lines


def test_being_behind_a_peer_is_said():
    ours = {figure: {"median": 2.0} for figure in FIGURES if "." not in figure}
    ours["due_to_start_ms"] = {"p50": {"median": 2.0}, "p99": {"median": 2.0}}
    theirs = {**ours, "drain_per_s": {"median": 4.0}, "bytes_per_job": {"median": 8.0}}

    best = best_peers({OURS.name: ours, "arq": theirs})

    assert best["drain_per_s"] == {"peer": "arq", "theirs": 4.0, "ours": 2.0, "times": 0.5}
    assert best["bytes_per_job"]["times"] == 4


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_the_stream_of_every_peer_is_due_evenly_and_made_in_another_order(rival):
    for jobs in (rival.scheduled, rival.drained, 3000):
        brief = Brief("p", "work", "", "", jobs, 1_000_000, 5.0, Path("out"))
        dues = [due_ms for _, due_ms in brief.dues()]

        assert sorted(dues) == [1_000_000 + 5 * n for n in range(jobs)]
        assert dues != sorted(dues)
