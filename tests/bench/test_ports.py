"""Ports that are chosen before their server is started."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from bench.ports import COUNT, FIRST, free_port

GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_is_free_and_given_away_once():
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    for port in ports:
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))


def test_a_port_that_somebody_listens_on_is_left_out(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as server:
        taken = free_port()
        server.bind(("127.0.0.1", taken))
        server.listen(1)
        monkeypatch.setattr("bench.ports._NEXT", iter(range(taken - FIRST, COUNT)))

        assert free_port() > taken


@pytest.mark.skipif(sys.platform != "linux", reason="not Linux: which ports its system gives was NOT seen")
def test_none_is_one_that_the_system_may_give_to_somebody_else_meanwhile():
    assert int(GIVEN.read_text().split()[0]) >= FIRST + COUNT
