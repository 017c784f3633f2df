"""Both servers together under one data directory, which belongs to one dialwheel at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType
from typing import IO

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import StartError


class EmbeddedStack:
    """`with EmbeddedStack(data) as stack:` starts both and stops Postgres, then Valkey.

    A second run on the same directory is refused by a lock; servers left over from a killed run are adopted.
    """

    def __init__(self, data: Path, *, postgres: bool = True, valkey: bool = True) -> None:
        self._data = data.absolute()
        self._lock: IO[str] | None = None
        self.postgres = EmbeddedPostgres(self._data / "postgres" / "data") if postgres else None
        self.valkey = EmbeddedValkey(self._data / "valkey") if valkey else None

    def start(self) -> EmbeddedStack:
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = open(self._data / ".lock", "w")  # noqa: SIM115 - held as long as the servers run
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise StartError(
                f"{self._data} is in use by another dialwheel",
                "its Postgres and Valkey belong to one run at a time",
                "stop it with: dialwheel down, or choose another folder with --data-dir",
            ) from error
        self._lock = lock
        try:
            if self.valkey is not None:
                self.valkey.start()
            if self.postgres is not None:
                self.postgres.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        if self.postgres is not None:
            self.postgres.stop()
        if self.valkey is not None:
            self.valkey.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> EmbeddedStack:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
