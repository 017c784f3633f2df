"""The whole protocol under faults, in virtual time: thousands of seeds, each a world of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.runner import SOMETIMES
from tests.simulation.teeth import GUARDS

SEEDS = 2000
QUICK = {
    "gate": 1,
    "two statements": 1250,
    "unique attempt": 1,
    "suppression check": 50,
    "settings version": 1,
    "sweeper": 1,
}
"""Guards whose absence shows soon after that seed; `--teeth` takes out all of them."""


async def simulate(*words: str) -> str:
    """The command in a process of its own; its output."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.simulation", *words]
    done = await asyncio.to_thread(
        subprocess.run, command, env={**os.environ, "PYTHONHASHSEED": "0"}, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@pytest.mark.timeout(900)
async def test_no_seed_breaks_a_promise_and_everything_that_must_happen_sometimes_does(tmp_path: Path):
    """S1, F20, F21, F26, F34; safety: I1 to I13, liveness: I14 to I16 and I22."""
    said = await simulate("--seeds", str(SEEDS), "--json", str(tmp_path / "result"))

    result = json.loads((tmp_path / "result").read_text())
    assert result["violations"] == [], said
    assert result["missed"] == []
    assert result["seeds"] == SEEDS
    assert set(SOMETIMES) <= result["sometimes"].keys()


async def test_a_seed_tells_the_same_story_each_time():
    """Byte for byte, in another process: what a seed found can be looked at again."""
    first, again = await asyncio.gather(
        *(simulate("--seed", "11", "--mode", "liveness", "--trace") for _ in range(2))
    )

    assert first == again
    assert first.count("\n") > 100
    assert first != await simulate("--seed", "12", "--mode", "liveness", "--trace")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("guard", QUICK)
async def test_a_guard_that_is_taken_out_is_missed(guard: str, tmp_path: Path):
    """A suite that would pass without the guard proves nothing of it."""
    path = tmp_path / "teeth"

    seeds = ("--from", str(QUICK[guard]), "--seeds", str(SEEDS))
    await simulate("--teeth", "--only", guard, *seeds, "--json", str(path))

    found = json.loads(path.read_text())["guards"][guard]
    assert found is not None
    assert found["invariant"] in GUARDS[guard].keeps.split()
