"""A taken port moves up by one and says so; one that somebody chose does not move."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec
import pytest

from api.cli.ports import choose_ports, is_free
from api.cli.session import Options, Session
from scheduler.errors import StartError
from scheduler.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        yield server.getsockname()[1]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.delenv("DIALWHEEL_HTTP_PORT", raising=False)
    return Session(Options())


def test_a_taken_default_moves_up_and_the_line_says_so(
    session: Session, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = choose_ports(session, msgspec.structs.replace(Settings(), http_port=taken), "http_port")

    assert taken < settings.http_port < taken + 20
    assert is_free("127.0.0.1", settings.http_port)
    assert f"port {taken} is taken, using {settings.http_port}" in capsys.readouterr().err


def test_two_servers_of_one_process_never_get_one_port(session: Session) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wanted = msgspec.structs.replace(Settings(), http_port=port, metrics_port=port)

    settings = choose_ports(session, wanted, "http_port", "metrics_port")

    assert settings.http_port != settings.metrics_port


def test_a_chosen_port_does_not_move(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setenv("DIALWHEEL_HTTP_PORT", str(taken))
    session = Session(Options())

    with pytest.raises(StartError) as caught:
        choose_ports(session, session.settings, "http_port")

    assert caught.value.what == f"port {taken} is taken"
    assert "DIALWHEEL_HTTP_PORT" in caught.value.why


def test_port_zero_is_left_to_the_system(session: Session) -> None:
    wanted = msgspec.structs.replace(Settings(), http_port=0, metrics_port=0)

    assert choose_ports(session, wanted, "http_port", "metrics_port") == wanted


def test_a_host_that_does_not_exist_is_an_error_of_its_own(session: Session) -> None:
    with pytest.raises(StartError) as caught:
        choose_ports(
            session, msgspec.structs.replace(Settings(), http_host="no.such.host.invalid"), "http_port"
        )

    assert "no.such.host.invalid cannot be listened on" in caught.value.what
