"""Runs the smallest set of tests without a guard, and says whether they noticed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tests.teeth.guards import GUARDS
from tests.teeth.plugin import Fell

NOTICED = ("AssertionError", "Failed")
"""Kinds of failure that a test shows on purpose: an assertion, an expected error that did not come."""

SIDE_BY_SIDE = 2


class Bite(msgspec.Struct, frozen=True):
    """`caught_by`: the tests that failed without the guard, and by what. `trouble`: why nothing was
    proved."""

    guard: str
    holds: str
    caught: bool
    caught_by: list[str]
    elapsed_s: float
    trouble: str = ""


def bite(name: str) -> Bite:
    """Take the guard out of a run of its tests."""
    guard, began_s = GUARDS[name], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dwt-") as folder:
        fell_path = Path(folder) / "fell"
        code, out = _pytest(guard.tests, "--without", name, "--fell", str(fell_path))
        lines = fell_path.read_bytes().splitlines() if fell_path.exists() else []
    fell = [msgspec.json.decode(line, type=Fell) for line in lines]
    noticed = [f for f in fell if f.phase == "call" and f.error in (*NOTICED, *guard.also)]
    return Bite(
        guard=name,
        holds=guard.holds,
        caught=code == 1 and bool(noticed),
        caught_by=[f"{f.test} ({f.error})" for f in noticed],
        elapsed_s=round(time.monotonic() - began_s, 1),
        trouble="" if noticed else _why(code, fell, out),
    )


def bite_all(names: Iterable[str], tell: Callable[[Bite], None]) -> list[Bite]:
    """Several side by side, in the order given."""
    bites = []
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in pool.map(bite, names):
            tell(done)
            bites.append(done)
    return bites


def intact(names: Iterable[str]) -> tuple[bool, str]:
    """Whether all of their tests pass with every guard in place: a test that fails anyway proves nothing."""
    tests = sorted({test for name in names for test in GUARDS[name].tests})
    code, out = _pytest(tests)
    return code == 0, out


def _pytest(tests: Iterable[str], *options: str) -> tuple[int, str]:
    words = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.teeth.plugin")
    done = subprocess.run(
        (*words, "--timeout", "60", *options, *tests), capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def _why(code: int, fell: list[Fell], out: str) -> str:
    if code == 0:
        return "every test passed without it"
    if fell:
        return "; ".join(f"{f.test}: {f.error} in its {f.phase}" for f in fell)
    return f"pytest ended with {code}: " + " ".join(out.split())[-300:]
