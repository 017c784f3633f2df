"""Ports for servers of a benchmark or a test."""

from __future__ import annotations

import os
import socket
from itertools import count

FIRST, COUNT = 15_000, 17_000
"""Below those that a system gives to whoever asks for any: nobody else gets it before its server is up."""

_NEXT = count(os.getpid() * 97)


def free_port() -> int:
    """One that nobody listens on just now, and that this process has not given away lately."""
    for _ in range(COUNT):
        port = FIRST + next(_NEXT) % COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free")
