"""Every script keeps the form that the others rely on."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from scheduler.wheel.scripts import script_text

FOLDER = Path(str(files("lua")))
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.lua"))
NEEDS_NO_MEMORY = {"settle", "withdraw", "extend", "expired", "reap", "drop", "drop_gates", "begin", "free"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_begins_with_its_contract(name: str):
    lines = (FOLDER / f"{name}.lua").read_text().splitlines()
    assert lines[0].startswith("#!lua")
    assert lines[1].startswith(f"-- {name}: ")
    header = "\n".join(line for line in lines[1:20] if line.startswith("--"))
    for part in ("KEYS[1]  the shard's tag", "-- Uses ", "-- ARGV[1]", "-- Returns "):
        assert part in header


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_scripts_that_free_or_keep_memory_run_when_there_is_none(name: str):
    header = (FOLDER / f"{name}.lua").read_text().splitlines()[0]
    assert ("allow-oom" in header) == (name in NEEDS_NO_MEMORY)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_asks_nobody_for_time_or_chance_and_builds_keys_in_one_place(name: str):
    text = script_text(name)
    assert not re.search(r"'TIME'|os\.time|os\.clock|math\.random", text)
    own = (FOLDER / f"{name}.lua").read_text()
    assert "TAG" not in own
    assert "KEYS[1]" not in re.sub(r"--.*", "", own)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_readme_and_a_test_file_know_the_script(name: str):
    assert f"`{name}`" in (FOLDER / "README.md").read_text()
    assert (Path(__file__).parent / f"test_{name}.py").exists()
