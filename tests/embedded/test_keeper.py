"""Private servers that end by themselves come back by themselves (F5 F14 F17)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from api.embedded import keeper
from api.embedded.keeper import kept_alive
from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import StartError


class Counted:
    """A server that comes up at the n-th try."""

    def __init__(self, tries: int) -> None:
        self.gone = True
        self.left = tries
        self.up = threading.Event()

    def start(self) -> None:
        self.gone = False  # as a launcher that has forgotten a process that would not come up
        self.left -= 1
        if self.left:
            raise StartError("it did not start", "its disk is full")
        self.up.set()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "AGAIN_S", 0.02)


def test_a_killed_server_is_started_again(server_dir: Path) -> None:
    server = EmbeddedValkey(server_dir / "kept").start()
    try:
        with kept_alive(valkey=server, postgres=None):
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            _until(lambda: server.pid not in (None, pid) and server._answers())
    finally:
        server.stop()
    assert not server.gone


def test_a_server_that_cannot_come_up_is_tried_until_it_can() -> None:
    server = Counted(4)
    with kept_alive(postgres=server):
        assert server.up.wait(10)
    assert server.left == 0


def test_a_server_that_was_stopped_on_purpose_stays_stopped(server_dir: Path) -> None:
    server = EmbeddedValkey(server_dir / "stopped").start()
    server.stop()
    assert not server.gone


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("never")
