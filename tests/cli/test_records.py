"""`ledger verify`: from the shell, against servers that run."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Dialwheel, ports
from tests.cli.test_up_down import data

__all__ = ["data"]


def test_the_chains_of_records_are_walked_from_the_shell(dialwheel: Dialwheel, data: Path) -> None:
    at, environ = ("--data-dir", str(data)), ports()
    assert dialwheel("up", "--detach", *at, **environ).code == 0

    said = dialwheel("ledger", "verify", "--json", *at)

    assert said.code == 0, said.talk
    chains = json.loads(said.out)["chains"]
    assert [(chain["links"], chain["faults"]) for chain in chains] == [(0, [])] * len(chains)
