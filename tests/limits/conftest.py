"""Servers that a test may hurt: private, on small disks where they can be mounted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey


@pytest.fixture(scope="session")
def postgres(server_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(server_dir / "lpg" / "data").start()
    yield server
    if server.pid is not None:  # nobody needs its last checkpoint
        os.kill(server.pid, signal.SIGKILL)
    server.stop()


@pytest.fixture(scope="session")
def valkey(server_dir: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(server_dir / "lvk").start()
    yield server
    server.stop()
