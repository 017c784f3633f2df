"""The first ten minutes with a real `dialwheel up`: every command as a person runs it, on private servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ports

CSV = (
    "First Name,Last Name,Phone,Time Zone\n"
    "Robin,Sample,(202) 555-0101,\n"
    "Kim,Sample,+13125550102,America/Chicago\n"
    "Lee,Short,555-01,\n"
    "Ira,Nowhere,202-555-0104,Mars/Olympus\n"
)


class Site:
    """A running dialwheel and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = ports()

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **self.ports, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"},
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def post(self, path: str, body: dict) -> dict:
        run = json.loads((self.folder / ".dialwheel" / "run.json").read_text())
        key = (self.folder / ".dialwheel" / "key").read_text().strip()
        request = urllib.request.Request(
            run["url"] + path,
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    (site.folder / "leads.csv").write_text(CSV)
    site.run("up", "--detach")
    site.run("pause", "nobody is called yet, whatever the hour")
    yield site
    site.run("down")


def test_status_and_doctor_say_that_all_is_well(site: Site):
    assert "ready" in site.run("status").stdout
    assert "0 failures" in site.run("doctor").stdout


def test_good_rows_go_in_bad_rows_are_reported_and_the_code_is_seven(site: Site):
    """I21: each rejected row with its line, column and code; the same file twice adds nothing."""
    options = ("--agent", "Follow-up", "--batch", "first", "--consent", "demo", "--max-per-min", "60")

    first = json.loads(site.run("import", "leads.csv", *options, "--json", code=7).stdout)
    again = json.loads(site.run("import", "leads.csv", *options, "--json", code=7).stdout)

    assert (first["rows"], first["created"], first["rejected"]) == (4, 2, 2)
    assert (again["created"], again["unchanged"], again["rejected"]) == (0, 2, 2)
    rejected = (site.folder / "leads.errors.csv").read_text()
    assert "phone-invalid" in rejected
    assert "timezone-unknown" in rejected


def test_a_lead_says_why_its_call_is_when_it_is(site: Site):
    """D5, P8: found by phone, numbers masked, times where the lead is."""
    told = site.run("lead", "why", "+13125550102").stdout

    assert "America/Chicago" in told
    assert "+13125550102" not in told
    assert "strategy" in told
    assert "America/New_York" in site.run("lead", "why", "+12025550101").stdout  # implied by the number
    assert "Call 1" in site.run("lead", "show", "+13125550102").stdout
    site.run("lead", "why", "+13125550199", code=3)


def test_pause_needs_a_reason_and_holds_everything_until_resume(site: Site):
    """P12."""
    assert "needs a reason" in site.run("pause", code=2).stderr

    site.run("pause", "trying it")
    paused = site.post("/v1/leads/search", {"filter": {"phone": "+13125550102"}})
    explained = site.run("lead", "why", "+13125550102").stdout
    site.run("resume")

    assert paused["data"]
    assert "trying it" in explained or "paused" in explained


def test_a_lead_over_http_answers_its_plan_with_reasons(site: Site):
    lead = site.post("/v1/leads", {"phone": "+12065550133", "priority": "live", "name": "Robin Sample"})

    assert lead["id"].startswith("lead_")
    assert lead["status"] == "new"


def test_a_second_up_on_the_same_folder_is_refused_in_three_lines(site: Site):
    done = site.run("up", code=4)

    assert "already runs" in done.stderr
    assert "dialwheel down" in done.stderr
