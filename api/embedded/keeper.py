"""Private servers that end by themselves, killed or for want of disk, are started again until they stay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from scheduler.errors import StartError

log = structlog.get_logger()

AGAIN_S = 2.0


class Server(Protocol):
    """What is kept alive."""

    @property
    def gone(self) -> bool:
        """Whether it was started here and has ended."""
        ...

    def start(self) -> object:
        """Raises StartError."""
        ...


@contextmanager
def kept_alive(**servers: Server | None) -> Iterator[None]:
    """While the block runs; what depends on the servers goes on by itself when they are back."""
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(servers, over), name="keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(servers: dict[str, Server | None], over: threading.Event) -> None:
    down: set[str] = set()
    while not over.wait(AGAIN_S):
        for name, server in servers.items():
            if server is None or not (server.gone or name in down):
                continue
            try:
                server.start()
            except StartError as error:
                if name not in down:
                    log.error("private_server_down", server=name, why=error.why, do=error.do)
                down.add(name)
            else:
                log.warning("private_server_restarted", server=name)
                down.discard(name)
