"""`up`, `status`, `doctor` and `down` with real private servers, from an empty folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.runfile import process_mark, read_run
from api.embedded import EmbeddedStack
from tests.cli.conftest import Dialwheel, ports


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose servers are gone afterwards, whatever the test did."""
    path = tmp_path / "data"
    yield path
    run = read_run(path)
    if run is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGTERM)
        _gone(run.pid, run.started_mark)
    EmbeddedStack(path).stop_leftovers()


def _gone(pid: int, mark: str) -> None:
    deadline = time.monotonic() + 60
    while process_mark(pid) == mark and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_day_of_up_and_down(dialwheel: Dialwheel, data: Path) -> None:
    """Up, a second up refused, status, doctor, down with the data kept, up where it was, erase."""
    at, environ = ("--data-dir", str(data)), ports()

    up = dialwheel("up", "--detach", "--json", *at, **environ)
    assert up.code == 0, up.talk
    told = json.loads(up.out)
    key = data / "key"
    assert told["url"] == f"http://127.0.0.1:{environ['DIALWHEEL_HTTP_PORT']}"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert key.read_text().strip() not in up.out + up.talk, "a key is never shown in passing"

    again = dialwheel("up", *at, **environ)
    assert again.code == 4
    assert again.three_lines[0] == f"dialwheel already runs at {told['url']}"

    status = dialwheel("status", "--json", *at)
    assert status.code in (0, 75)
    assert {check["name"] for check in json.loads(status.out)["checks"]} >= {"postgres", "wheel"}

    doctor = dialwheel("doctor", "--json", *at)
    assert doctor.code == 0, doctor.out
    assert "schema" in {finding["name"] for finding in json.loads(doctor.out)["findings"]}

    down = dialwheel("down", *at)
    assert down.code == 0
    assert down.out == f"  The data is kept in {data}\n"
    assert process_mark(told["pid"]) is None
    assert not (data / "run.json").exists()
    assert (data / "postgres" / "data" / "PG_VERSION").exists()

    warm = dialwheel("up", "--detach", "--json", *at, **environ)
    assert warm.code == 0, warm.talk
    assert dialwheel("status", *at).code in (0, 75), "the key that was saved still opens the same ledger"

    refused = dialwheel("down", "--erase", *at)
    assert refused.code == 2
    assert "--yes" in refused.three_lines[2]
    assert read_run(data) is not None, "a refused erasure stops nothing"

    erased = dialwheel("down", "--erase", "--yes", *at)
    assert erased.code == 0
    assert not data.exists()


def test_servers_left_behind_by_a_killed_run_are_stopped_by_down(dialwheel: Dialwheel, data: Path) -> None:
    at = ("--data-dir", str(data))
    told = json.loads(dialwheel("up", "--detach", "--json", *at, **ports()).out)
    mark = process_mark(told["pid"])
    assert mark is not None
    os.kill(told["pid"], signal.SIGKILL)
    _gone(told["pid"], mark)

    status = dialwheel("status", *at)
    down = dialwheel("down", "--json", *at)

    assert status.code == 6, "a run file without its process is no run"
    assert sorted(json.loads(down.out)["stopped"]) == ["postgres", "valkey"]
    assert EmbeddedStack(data).stop_leftovers() == []


def test_up_in_the_background_repeats_the_childs_error(dialwheel: Dialwheel, data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]

        done = dialwheel("up", "--detach", "--data-dir", str(data), DIALWHEEL_HTTP_PORT=str(port))

    assert done.code == 1
    assert done.three_lines[0] == f"port {port} is taken"
    assert "DIALWHEEL_HTTP_PORT" in done.three_lines[1]


@pytest.mark.parametrize(
    ("setting", "url", "what"),
    [
        ("DIALWHEEL_POSTGRES_URL", "postgresql://app:s3cret@127.0.0.1:9/x", "Postgres"),
        ("DIALWHEEL_REDIS_URL", "redis://:s3cret@127.0.0.1:9", "Redis"),
    ],
)
def test_a_missing_server_is_named_without_its_password(
    dialwheel: Dialwheel, data: Path, setting: str, url: str, what: str
) -> None:
    environ = {**ports(), setting: url}

    up = dialwheel("up", "--data-dir", str(data), **environ)
    doctor = dialwheel("doctor", "--data-dir", str(data), **environ)

    assert up.code == 6
    assert f"error: {what} does not answer" in up.talk
    assert doctor.code == 1
    assert f"{what} does not answer" in doctor.out
    assert "s3cret" not in up.out + up.talk + doctor.out + doctor.talk


def test_doctor_on_an_untouched_machine_finds_private_servers_and_touches_nothing(
    dialwheel: Dialwheel, data: Path
) -> None:
    done = dialwheel("doctor", "--json", "--data-dir", str(data), **ports())

    findings = {finding["name"]: finding["state"] for finding in json.loads(done.out)["findings"]}
    assert done.code == 0
    assert (
        findings.items() >= {"postgres": "ok", "valkey": "ok", "zones": "ok", "calling rules": "ok"}.items()
    )
    assert not data.exists()


def test_doctor_fails_over_a_key_that_others_can_read(dialwheel: Dialwheel, data: Path) -> None:
    data.mkdir(mode=0o700)
    (data / "key").write_text("dw_test_x")
    (data / "key").chmod(0o644)

    done = dialwheel("doctor", "--data-dir", str(data), **ports())

    assert done.code == 1
    assert f"Do: chmod 600 {data / 'key'}" in done.out


def test_down_where_nothing_runs_says_so_and_makes_nothing(dialwheel: Dialwheel, data: Path) -> None:
    done = dialwheel("down", "--data-dir", str(data))

    assert done.code == 0
    assert "Nothing was running" in done.talk
    assert not data.exists()


def test_erasing_leaves_what_is_not_ours(dialwheel: Dialwheel, data: Path) -> None:
    """A folder that existed before `up` keeps its other files: a slip of --data-dir must not empty a home."""
    (data / "postgres").mkdir(parents=True)
    (data / "letters.txt").write_text("mine")

    done = dialwheel("down", "--erase", "--yes", "--data-dir", str(data))

    assert done.code == 0
    assert [path.name for path in data.iterdir()] == ["letters.txt"]
