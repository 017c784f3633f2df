"""The HTTP benchmark's own arithmetic; the load itself is sent by Locust, which no test installs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from bench import http
from bench.http_table import GOALS, http_table

LOCUSTFILE = Path(http.__file__).with_name("locustfile.py")


def told(**fields: Any) -> dict[str, Any]:
    """What Locust says of one endpoint."""
    return {
        "name": "POST /v1/leads", "num_requests": 100, "num_failures": 1, "start_time": 10.0,
        "last_request_timestamp": 14.0, "response_times": {"3": 50, "7": 48, "1200": 2}, **fields,
    }  # fmt: skip


def test_rates_and_quantiles_are_those_of_what_was_sent():
    assert http.figures_of(told()) == {
        "requests": 100, "failures": 1, "per_s": 25.0, "p50_ms": 3.0, "p99_ms": 1200.0,
    }  # fmt: skip
    assert http.figures_of(told(name="POST /v1/leads/bulk"))["rows_per_s"] == 25 * http.BULK_ROWS


def test_every_kind_of_load_is_a_user_of_the_locustfile_and_every_goal_is_of_a_kind():
    tree = ast.parse(LOCUSTFILE.read_text(encoding="utf-8"))
    users = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}

    assert {kind.user for kind in http.KINDS.values()} <= users
    assert {name for name, _ in GOALS} <= http.KINDS.keys()


def test_the_table_shows_each_endpoint_with_its_goal():
    seen = http.figures_of(told())
    kinds = {"enrolment at 500/s": {"endpoints": {"POST /v1/leads": seen}}}
    machine = {"cores": 2, "cpu": "a cpu", "date": "2026-11-22"}
    result = {"leads": 1000, "seconds_each": 5, "command": "c", "machine": machine, "kinds": kinds}

    assert http_table(result)[-1] == ("| enrolment at 500/s | POST /v1/leads | 25 | 3 | 1200 | p99 ≤ 30 ms |")
