"""`ledger` and `ledger reconcile`: a backup is put back, and people are called again when it is mended."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from api.cli.ledger import Standing, _impact, _lines
from tests.cli.conftest import Dialwheel, ports
from tests.cli.test_up_down import data

__all__ = ["data"]


def copied(source: Path, target: Path) -> None:
    """With owners and modes, as backups have them."""
    subprocess.run(["cp", "-a", source, target], check=True)


def test_a_backup_that_is_put_back_is_noticed_at_the_start_and_reconciled(
    dialwheel: Dialwheel, data: Path, tmp_path: Path
) -> None:
    """F18: nobody is called until an operator has said so; the API serves all the while."""
    at, environ = ("--data-dir", str(data)), ports()
    assert dialwheel("up", "--detach", *at, **environ).code == 0
    assert dialwheel("ledger", *at).code == 0
    assert dialwheel("down", *at).code == 0
    copied(data / "postgres", tmp_path / "backup")
    assert dialwheel("up", "--detach", *at, **environ).code == 0
    time.sleep(2.5)  # real beats, in processes of their own
    assert dialwheel("down", *at).code == 0
    subprocess.run(["rm", "-rf", data / "postgres"], check=True)
    copied(tmp_path / "backup", data / "postgres")

    assert dialwheel("up", "--detach", *at, **environ).code == 0
    shown = dialwheel("ledger", "--json", *at)
    status, doctor = dialwheel("status", "--json", *at), dialwheel("doctor", "--json", *at)
    asked = dialwheel("ledger", "reconcile", *at)
    done = dialwheel("ledger", "reconcile", "--yes", "--json", *at)
    after = dialwheel("ledger", "--json", *at)

    assert shown.code == 75, shown.talk
    quarantine = json.loads(shown.out)["quarantine"]
    assert "lacks what was seen of it" in quarantine["why"]
    assert quarantine["ledger_at"] < quarantine["seen_at"]
    assert (len(quarantine["told"]), quarantine["missing"]) == (1, [])
    checks = {check["name"]: check for check in json.loads(status.out)["checks"]}
    assert status.code == 75
    assert json.loads(status.out)["ready"], "leads and opt-outs are taken"
    assert "dialwheel ledger reconcile" in checks["ledger"]["detail"]
    assert doctor.code == 1
    found = {finding["name"]: finding for finding in json.loads(doctor.out)["findings"]}
    assert found["ledger"]["do"] == "dialwheel ledger reconcile"
    assert asked.code == 2, "nobody can be asked here"
    assert done.code == 0, done.talk
    assert json.loads(done.out)["rebuilt"]
    assert (after.code, json.loads(after.out)) == (0, {"quarantine": None})
    deadline = time.monotonic() + 60
    while dialwheel("status", *at).code != 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert dialwheel("status", *at).code == 0


def test_what_a_missing_journal_costs_is_said_before_anything_is_done() -> None:
    """PRODUCT: impact first; who may have been called waits, unless the operator accepts the loss."""
    told = Standing("it lacks what was seen of it", "2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z", ["a"], [])
    part = Standing(told.why, told.ledger_at, told.seen_at, ["a"], ["b"])
    none = Standing(told.why, told.ledger_at, told.seen_at, [], [])

    assert [each.complete for each in (told, part, none)] == [True, False, False]
    assert _impact(told, False, None).startswith("Every journal has told.")
    waits = _impact(part, False, 1_795_428_000_000)
    assert waits == (
        "Not every journal has told: what was due by 2026-11-22T10:00:00Z waits until 2026-11-23T10:00:00Z."
    )
    assert "may be called again at once" in _impact(part, True, None)
    assert "Missing: b." in _lines(part)[-1]
