"""The rules of the command line (PRODUCT 2.1): help, suggestions, exit codes, three lines for every error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.app import run
from api.cli.commands import COMMANDS
from api.cli.exits import exit_code
from scheduler.errors import (
    EpochNotReady,
    NotFound,
    Refused,
    ServerUnavailable,
    SettingsError,
    StartError,
    UsageError,
)
from tests.cli.conftest import Dialwheel


@pytest.mark.parametrize("command", ["", *COMMANDS, "lead", "config", "keys"])
def test_help_starts_with_two_examples_of_that_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run([*command.split(), "--help"])

    out = capsys.readouterr().out
    first, *examples = out.splitlines()[:3]
    assert code == 0
    assert first == "Examples:"
    assert all(example.strip().startswith(f"dialwheel {command}".strip()) for example in examples)
    assert "--json" in out
    assert "\x1b" not in out, "a pipe gets plain text"


def test_help_alone_names_every_command(dialwheel: Dialwheel) -> None:
    done = dialwheel()

    assert done.code == 0
    assert {name.split()[0] for name in COMMANDS} <= set(re.findall(r"^  ([a-z]+):", done.out, re.MULTILINE))


def test_help_imports_no_server_and_no_store() -> None:
    """It answers at once: nothing heavy is loaded before a command needs it."""
    code = (
        "import sys\n"
        "from api.cli.app import run\n"
        "run(['--help'])\n"
        "heavy = {'aiohttp', 'redis', 'asyncpg', 'phonenumbers', 'uvloop'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("imprt leads.csv", "import"), ("stauts", "status"), ("lead shw x", "lead show"), ("doctr", "doctor")],
)
def test_an_unknown_command_suggests_and_never_runs_the_guess(
    dialwheel: Dialwheel, tmp_path: Path, typed: str, meant: str
) -> None:
    done = dialwheel(*typed.split())

    spoken = " ".join(typed.split()[: len(meant.split())])
    assert done.code == 2
    assert done.out == ""
    assert done.talk == f'error: no command "{spoken}". Did you mean: dialwheel {meant}\n'
    assert list((tmp_path / "work").iterdir()) == []


def test_pause_without_a_reason_is_refused_as_the_sample_shows(dialwheel: Dialwheel) -> None:
    done = dialwheel("pause")

    assert done.code == 2
    assert done.talk == (
        'error: pause needs a reason; it is shown to everyone.\ndo:    dialwheel pause "carrier outage"\n'
    )


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        ("frobnicate", 2, 'no command "frobnicate"'),
        ("import", 2, "requires an argument"),
        ("status now", 2, "too many words: now"),
        ("import x.csv --bogus 1", 2, "unknown option: --bogus"),
        ("import x.csv --max-per-min many", 2, "--max-per-min"),
        ("import x.csv --priority urgent", 2, "--priority"),
        ("import missing.csv --agent West", 3, "no file missing.csv"),
        ("import . --agent West", 2, "is a folder"),
        ("demo --leads 0", 2, "--leads must be 1 or more"),
        ("demo --leads many", 2, "--leads"),
        ("demo --speed 0", 2, "--speed must be above zero"),
        ("keys create --scopes everything", 2, 'no scope "everything"'),
        ("status --url ftp://x", 2, "not an address"),
        ("status --url http://x:abc", 2, "not an address"),
        ("--data-dir", 2, "--data-dir needs a value"),
        ("api", 2, "needs the address of a Postgres"),
        ("scheduler", 2, "needs the address of a Postgres"),
        ("dialer", 2, "needs the address of a Postgres"),
    ],
)
def test_every_error_says_what_why_and_what_to_do(
    dialwheel: Dialwheel, arguments: str, code: int, what: str
) -> None:
    done = dialwheel(*arguments.split())

    assert done.code == code
    assert done.out == ""
    if "needs a value" in what:
        assert what in done.talk
    else:
        assert what in done.three_lines[0]
        assert all(done.three_lines)


@pytest.mark.parametrize(
    "command", ["status", "lead show x", "lead why x", "pause trying", "resume", "import a.csv"]
)
def test_without_a_running_dialwheel_the_answer_is_six_and_how_to_start_it(
    dialwheel: Dialwheel, tmp_path: Path, command: str
) -> None:
    (tmp_path / "work" / "a.csv").write_text("phone\n+15555550101\n")

    done = dialwheel(*command.split())

    assert done.code == 6
    assert done.three_lines[0] == "no dialwheel is running"
    assert done.three_lines[2] == "start it with: dialwheel up"
    assert not (tmp_path / "work" / ".dialwheel").exists(), "a question leaves nothing behind"


def test_an_address_where_nobody_listens_is_named(dialwheel: Dialwheel) -> None:
    done = dialwheel("status", "--url", "http://127.0.0.1:9")

    assert done.code == 6
    assert done.three_lines[:2] == ["no dialwheel answers at http://127.0.0.1:9", "Connection refused"]


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({"DIALWHEEL_HTTP_PORT": "abc"}, "setting http_port is wrong: abc (from DIALWHEEL_HTTP_PORT)"),
        ({"DIALWHEEL_HTTP_PROT": "1"}, "unknown setting http_prot"),
        ({"DIALWHEEL_WRITE_OFF_S": "5"}, "two settings contradict each other"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(
    dialwheel: Dialwheel, environ: dict[str, str], what: str
) -> None:
    done = dialwheel("up", **environ)

    assert done.code == 2
    assert done.three_lines[0] == what


def test_config_show_tells_every_value_and_its_origin_and_no_password(
    dialwheel: Dialwheel, tmp_path: Path
) -> None:
    (tmp_path / "work" / "dialwheel.toml").write_text("seed = 7\n")

    done = dialwheel(
        "config", "show", "--json", "--data-dir", "elsewhere",
        DIALWHEEL_POSTGRES_URL="postgresql://app:s3cret@db/x", DIALWHEEL_HTTP_PORT="8181",
    )  # fmt: skip

    shown = json.loads(done.out)
    assert "s3cret" not in done.out + done.talk
    assert shown["postgres_url"] == {"value": "postgresql://app:***@db/x", "from": "DIALWHEEL_POSTGRES_URL"}
    assert shown["http_port"] == {"value": 8181, "from": "DIALWHEEL_HTTP_PORT"}
    assert shown["seed"] == {"value": 7, "from": "./dialwheel.toml"}
    assert shown["data_dir"] == {"value": str(tmp_path / "work" / "elsewhere"), "from": "--data-dir"}
    assert shown["claim_batch"]["from"] == "default"


def test_results_go_to_stdout_in_the_form_that_was_asked_for(dialwheel: Dialwheel) -> None:
    plain = dialwheel("config", "show", "--plain")
    version = dialwheel("--json", "version")

    assert "seed\t1\tdefault" in plain.out.splitlines()
    assert set(json.loads(version.out)) == {"dialwheel", "python"}
    assert version.out.count("\n") == 1, "one object, one line"
    assert (plain.talk, version.talk) == ("", "")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m api.cli config show | head -n 1",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (SettingsError("x"), 2),
        (NotFound("x"), 3),
        (Refused("state-conflict", "x"), 4),
        (Refused("dialing-paused", "x"), 4),
        (Refused("unauthenticated", "x"), 5),
        (Refused("scope-missing", "x"), 5),
        (Refused("not-found", "x"), 3),
        (Refused("validation-failed", "x"), 1),
        (Refused("dependency-down", "x"), 75),
        (Refused("rate-limited", "x"), 75),
        (EpochNotReady("x"), 75),
        (ServerUnavailable("x"), 6),
        (StartError("x"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Refused, code: int) -> None:
    assert exit_code(error) == code
