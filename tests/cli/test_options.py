"""Options that work everywhere: before or after the command, and never inside what belongs to it."""

from __future__ import annotations

import pytest

from api.cli.app import make_app
from api.cli.session import Options, split_options
from scheduler.errors import UsageError


@pytest.mark.parametrize(
    ("words", "options", "rest"),
    [
        ("status", Options(), "status"),
        ("--json status", Options(json=True), "status"),
        ("status --json", Options(json=True), "status"),
        ("lead show x --plain -q", Options(plain=True, quiet=True), "lead show x"),
        ("down --erase --yes --no-input", Options(yes=True, no_input=True), "down --erase"),
        ("up --data-dir /srv", Options(data_dir="/srv"), "up"),
        ("--data-dir=/srv --url=http://x up", Options(data_dir="/srv", url="http://x"), "up"),
        ("demo --json out.json", Options(), "demo --json out.json"),
        ("--quiet demo --json -", Options(quiet=True), "demo --json -"),
        ("--json demo", Options(json=True), "demo"),
        ("lead show -- --json", Options(), "lead show -- --json"),
    ],
)
def test_common_options_are_taken_from_anywhere(words: str, options: Options, rest: str) -> None:
    assert split_options(words.split()) == (options, rest.split())


@pytest.mark.parametrize("words", ["up --data-dir", "status --url", "status --url="])
def test_an_option_without_its_value_is_refused(words: str) -> None:
    with pytest.raises(UsageError):
        split_options(words.split())


@pytest.mark.parametrize("words", ["demo --json -", "demo --until-done --leads 10 --json - --rings r.ndjson"])
def test_the_demos_summary_may_go_to_stdout(words: str) -> None:
    """`-` is a value here, although it begins as options do."""
    function, bound, _ = make_app().parse_args(words.split(), print_error=False, exit_on_error=False)

    assert function.__name__ == "demo"
    assert bound.arguments["json"] == "-"
