"""`python -m bench.peers.python.child`: one phase of one peer, as the brief says.

A peer's module has `install(told)`, where its store needs tables, `schedule(told) -> seconds`, which measures
itself without the time of connecting, and `work(told)`, which runs one worker until the bench ends it.
"""

from __future__ import annotations

import importlib
import json
import logging
from importlib.metadata import version

from bench.peers.python.brief import brief


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    told = brief()
    peer = importlib.import_module(f"bench.peers.python.{told.peer}")
    if told.phase == "install":
        peer.install(told)
    elif told.phase == "schedule":
        answer = {"seconds": peer.schedule(told), "version": version(told.peer)}
        told.write(json.dumps(answer).encode())
    else:
        peer.work(told)


if __name__ == "__main__":
    main()
