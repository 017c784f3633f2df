"""`wheel`, `wheel rebuild`: seen and built anew while everything runs. PRODUCT 2.2."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.cli.session import Options, Session
from api.cli.wheel import COLUMNS, REASONS, plain_rows, show_wheel, summary_lines
from tests.cli.conftest import Dialwheel, ports
from tests.cli.test_up_down import data

__all__ = ["data"]

LEADS = "phone,state\n" + "".join(f"+1212555{number:04},NY\n" for number in range(100, 140))
WHY = {**dict.fromkeys(("ready", *REASONS, "not_due", "later"), 0)}


def a_wheel(**changes: Any) -> dict[str, Any]:
    """An answer of the API."""
    return {
        "object": "wheel",
        "at": "2026-11-21T19:02:31.000Z",
        "clock_speed": 1.0,
        "total": 9_000,
        "depth": 8_000,
        "overdue": 6_522,
        "held": 6_520,
        "in_flight": 186,
        "why": {**WHY, "ready": 2, "hours": 6120, "pace": 400, "not_due": 1478, "later": 1000},
        "opens_at": "2026-11-21T20:00:00.000Z",
        "due": {"now": 6522, "next_minute": 402, "next_hour": 1076, "later": 1000},
        "lag_ms": 110,
        "dispatch_lag_ms": {"p50": 110, "p99": 4200},
        "dials_per_s": {"last_10_s": 7.0, "last_minute": 6.867},
        "classes": [],
        "lanes_count": 3,
        "lanes": [
            {
                "class": "bulk", "agent_id": "agt_1", "agent_name": "Solar West", "batch_id": "bat_1",
                "batch_name": "Nov solar", "timezones": [], "regions": ["US-CO", "US-UT", "US-NM"],
                "total": 6_522, "why": {**WHY, "hours": 6120, "pace": 400, "ready": 2},
                "next_at": None, "until_at": "2026-11-21T20:00:00.000Z",
            }
        ],
        "gates": [{"kind": "account", "id": "acc_1", "max_concurrent": 250}],
        "shards": [{"shard": 0, "ready": True, "epoch": "e", "ticker_age_ms": 210}],
        **changes,
    }  # fmt: skip


def test_four_lines_tell_how_the_wheel_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    __import__("time").tzset()

    lines = summary_lines(a_wheel())

    assert lines == [
        "  now 14:02:31 UTC-05:00   real clock   1 shard, all ticking (max age 210 ms)",
        "  due now 6 522 (oldest 110 ms) · next minute 402 · next hour 1 076 · later 1 000",
        "  in call 186/250   412 dials/min   lag p50 110 ms  p99 4.2 s",
        "  ready 2   held 6 120 outside hours · 400 pace · next opens 15:00",
    ]
    monkeypatch.undo()
    __import__("time").tzset()


def test_a_wheel_in_trouble_says_so() -> None:
    lost = {"shard": 1, "ready": False, "epoch": None, "ticker_age_ms": None}
    whole = a_wheel()["shards"][0]

    assert "2 shards, being rebuilt: 1" in summary_lines(a_wheel(shards=[whole, lost]))[0]
    assert "no dialer was there yet" in summary_lines(a_wheel(shards=[{**whole, "ticker_age_ms": None}]))[0]
    assert "clock ×600" in summary_lines(a_wheel(clock_speed=600.0))[0]
    nothing = a_wheel(why=WHY, opens_at=None, lag_ms=0, gates=[], dispatch_lag_ms={"p50": None, "p99": None})
    assert summary_lines(nothing)[1:] == [
        "  due now 6 522 (none late) · next minute 402 · next hour 1 076 · later 1 000",
        "  in call 186   412 dials/min   lag p50 –  p99 –",
        "  ready 0   held nothing",
    ]


def test_a_script_gets_a_name_and_a_number_a_line_and_every_lane() -> None:
    rows = dict(row[:2] for row in plain_rows(a_wheel()) if row[0] != "lane")
    [lane] = [row for row in plain_rows(a_wheel()) if row[0] == "lane"]

    assert (rows["total"], rows["why.hours"], rows["due.next_minute"]) == (9000, 6120, 402)
    assert lane[:6] == ("lane", "bulk", "Solar West", "Nov solar", "US-CO US-UT US-NM", 6522)
    assert lane[6 + COLUMNS.index("hours")] == 6120


def test_the_wheel_of_a_running_dialwheel_is_seen_built_anew_and_spread(
    dialwheel: Dialwheel, data: Path, tmp_path: Path
) -> None:
    """I22: what is due within the hour is on the wheel again: how much depends on the hour in New York."""
    at, environ = ("--data-dir", str(data)), ports()
    leads = tmp_path / "leads.csv"
    leads.write_text(LEADS)
    assert dialwheel("up", "--detach", *at, **environ).code == 0
    assert dialwheel("pause", "nobody is to be called here", *at).code == 0
    imported = dialwheel("import", str(leads), "--agent", "Follow-up", "--consent", "test", *at)
    assert imported.code == 0, imported.talk

    before = json.loads(dialwheel("wheel", "--json", *at).out)
    shown = dialwheel("wheel", *at)
    asked = dialwheel("wheel", "rebuild", *at)
    rebuilt = dialwheel("wheel", "rebuild", "--yes", "--json", *at)
    after = json.loads(dialwheel("wheel", "--json", *at).out)
    status = dialwheel("status", *at)

    wheel = before["wheel"]
    assert wheel["total"] == sum(wheel["why"].values()) == 40
    assert shown.code == 0
    assert re.search(r"\bFollow-up +leads +US-NY +40\b", shown.out), shown.out
    assert asked.code == 2
    assert "loops due within the horizon" in asked.three_lines[0]
    assert asked.three_lines[2] == "add --yes if that is what you want"
    assert rebuilt.code == 0, rebuilt.talk
    told = json.loads(rebuilt.out)
    assert [one["shard"] for one in told["shards"]] == [0]
    assert wheel["due"]["next_hour"] <= told["loops"] <= after["wheel"]["depth"]
    assert after["wheel"]["total"] == sum(after["wheel"]["why"].values()) == 40
    assert after["wheel"]["shards"][0]["ready"]
    assert after["wheel"]["shards"][0]["epoch"] != wheel["shards"][0]["epoch"]
    assert "next hour" in status.out

    none = dialwheel("wheel", "rebuild", "--shard", "7", "--yes", *at)
    assert (none.code, none.three_lines[0]) == (2, "no shard 7")
    refused = dialwheel("wheel", "reshard", "--shards", "3", *at)
    assert refused.code == 2
    assert "over 3 shards instead of 1" in refused.three_lines[0]
    assert dialwheel("down", *at).code == 0
    spread = dialwheel("wheel", "reshard", "--shards", "3", "--yes", "--json", *at)
    assert spread.code == 0, spread.talk
    assert json.loads(spread.out)["shards"] == 3
    assert told["loops"] <= json.loads(spread.out)["loops"] <= 40


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("wheel rebild", 'no command "wheel rebild". Did you mean: dialwheel wheel rebuild'),
        ("wheel reshard --shards 0", "0 is no number of shards"),
        ("wheel now", "too many words: now"),
    ],
)
def test_a_slip_is_told_before_anything_is_touched(
    dialwheel: Dialwheel, data: Path, words: str, what: str
) -> None:
    done = dialwheel(*words.split(), "--data-dir", str(data))

    assert done.code == 2
    assert what in done.talk.splitlines()[0]
    assert not data.exists()


@pytest.mark.parametrize("words", ["wheel rebuild --yes", "wheel reshard --shards 2 --yes"])
def test_where_there_is_no_wheel_none_is_made(dialwheel: Dialwheel, data: Path, words: str) -> None:
    done = dialwheel(*words.split(), "--data-dir", str(data))

    assert done.code == 6
    assert done.three_lines[0] == "there is no wheel here"
    assert not data.exists()


def test_a_wheel_with_a_shard_to_rebuild_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = {"shard": 0, "ready": False, "epoch": None, "ticker_age_ms": None}
    hours = [{"at": f"2026-11-21T{19 + n}:00:00.000Z", "total": n * 10} for n in range(4)]

    class Client:
        def get(self, path: str, **_: Any) -> Any:
            return {"data": hours} if path.endswith("slots") else a_wheel(shards=[lost])

    monkeypatch.setattr("api.cli.wheel.find_dialwheel", lambda _session: Client())

    assert show_wheel(Session(Options()), 10) == 75
    out = capsys.readouterr().out
    assert "▇ 30" in out
    assert "Nov solar" in out
    assert "US-CO US-UT +1" in out
    assert "and 2 more lanes" in out
