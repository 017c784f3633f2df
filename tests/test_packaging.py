"""What the wheel declares is what the code needs; what the Makefile promises it does."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[ <>=!~;\[]", name, maxsplit=1)[0]).lower()


def third_party_imports() -> dict[str, str]:
    """Top-level module → the first of our files that imports it."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                for name in {name.split(".")[0] for name in names}:
                    if name not in sys.stdlib_module_names and name not in PACKAGES:
                        found.setdefault(name, str(path.relative_to(ROOT)))
    return found


def test_every_library_that_is_imported_is_declared() -> None:
    declared = {normal(name) for name in PROJECT["project"]["dependencies"]}
    load_only = {normal(name) for name in PROJECT["dependency-groups"]["load"]}
    peers = tomllib.loads((ROOT / "bench/peers/pyproject.toml").read_text())["dependency-groups"]
    owners = packages_distributions()
    missing = {
        module: path
        for module, path in third_party_imports().items()
        if not {normal(owner) for owner in owners.get(module, [module])} & declared
        and not (path.startswith("bench/locust") and normal(module) in load_only)
        and not (path.startswith("bench/peers/python/") and normal(module) in peers)
    }

    assert missing == {}


def test_every_folder_with_code_is_in_the_wheel() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}

    assert folders == set(PACKAGES)
    for package in PACKAGES:
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            assert (folder / "__init__.py").exists(), f"{folder} would not be importable"


def test_the_console_script_is_installed() -> None:
    scripts = {entry.name: entry.value for entry in distribution("dialwheel").entry_points}

    assert scripts["dialwheel"] == "api.cli:main"


def test_data_files_that_the_code_reads_are_not_ignored_by_git() -> None:
    """The wheel's builder leaves out what git ignores."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: ignored files were NOT checked")
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    data = [
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix in (".sql", ".lua", ".json", ".py") and "__pycache__" not in path.parts
    ]
    done = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        input="\n".join(data),
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1, f"ignored: {done.stdout}"
    assert any(path.endswith(".sql") for path in data)
    assert any(path.endswith(".lua") for path in data)


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench"])
def test_make_hands_arguments_on(target: str) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed: the Makefile was NOT tested")
    done = subprocess.run(
        ["make", "--dry-run", target, "ARGS=--leads 10 --json -"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "run --quiet" in done.stdout
    assert ("--no-dev" in done.stdout) == (target in ("demo", "bench")), "the demo needs no developer's tools"
    if target != "lint":
        assert "--leads 10 --json -" in done.stdout


@pytest.mark.parametrize(
    ("script", "missing"),
    [("exit 1", "pip is missing"), (None, "python3 is missing")],
    ids=["python without pip", "no python"],
)
def test_make_says_in_three_lines_what_is_missing(tmp_path: Path, script: str | None, missing: str) -> None:
    """A fresh machine without uv and without pip, or without Python at all."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed: the Makefile was NOT tested")
    shutil.copy(ROOT / "Makefile", tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "sed", "printf"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    if script is not None:
        (tools / "python3").write_text(f"#!{tools}/sh\n{script}\n")
        (tools / "python3").chmod(0o755)
    environ = {"PATH": str(tools), "HOME": str(tmp_path)}

    done = subprocess.run(
        [make, "demo"], cwd=tmp_path, env=environ, text=True, capture_output=True, check=False
    )

    told = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0
    assert done.stdout == ""
    assert [line.split(":")[0] for line in told] == ["error", "why", "do"]
    assert missing in told[0]


def test_the_ci_script_is_executable_bash_that_lints_and_tests() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert re.findall(r"^make \w+", script.read_text(), re.M)[:2] == ["make lint", "make test"]
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
