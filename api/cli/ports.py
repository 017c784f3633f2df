"""Ports to listen on: a taken one moves up by one, unless somebody chose it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec

from api.cli.session import Session
from scheduler.errors import StartError
from scheduler.settings import Settings

TRIES = 20


def choose_ports(session: Session, settings: Settings, *names: str) -> Settings:
    """`settings` with ports that are free now; every move is said aloud.

    Raises StartError for a port that was set explicitly, or when the next twenty are taken as well.
    """
    chosen: dict[str, int] = {}
    for name in names:
        wanted = getattr(settings, name)
        host = {"http_port": settings.http_host, "sim_port": settings.sim_host}.get(name, "127.0.0.1")
        port = next((p for p in _candidates(wanted, set(chosen.values())) if is_free(host, p)), None)
        explicit = session.origin(name) != "default"
        if port is None or (explicit and port != wanted):
            raise StartError(
                f"port {wanted} is taken",
                f"another program listens on {host}:{wanted}; {name} is set in {session.origin(name)}"
                if explicit
                else f"and so are the {TRIES - 1} ports after it on {host}",
                f"stop that program, or choose another port with DIALWHEEL_{name.upper()}",
            )
        if port != wanted:
            session.say(f"  port {wanted} is taken, using {port} ({name})")
        chosen[name] = port
    return msgspec.structs.replace(settings, **chosen)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises StartError for a host that is not of this machine."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise StartError(f"{host} cannot be listened on", str(error), "set DIALWHEEL_HTTP_HOST") from error
    except PermissionError as error:
        raise StartError(f"port {port} needs more rights", str(error), "choose a port above 1023") from error
    except OSError:
        return False
    return True


def _candidates(wanted: int, taken: set[int]) -> Iterator[int]:
    if wanted == 0:  # the system chooses
        yield 0
        return
    yield from (port for port in range(wanted, min(wanted + TRIES, 65_536)) if port not in taken)
