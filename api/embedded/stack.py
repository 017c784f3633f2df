"""Both servers together under one data directory, which belongs to one dialwheel at a time."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import StartError

MARK = ".made-by-dialwheel"
"""A file in directories that did not exist before: only these are erased whole."""

OURS = ("postgres", "valkey", "spool", ".lock", "run.json", "key", "up.log")
"""What is erased from a directory that existed before."""


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
        """Raises StartError when the directory is in use or a server does not come up."""
        self._take_lock()
        try:
            if self.valkey is not None:
                self.valkey.start()
            if self.postgres is not None:
                self.postgres.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop_leftovers(self) -> list[str]:
        """Stop the servers that a killed run left behind and answer their names.

        Raises StartError when the directory is in use.
        """
        if not self._data.exists():
            return []
        self._take_lock()
        try:
            servers = (("postgres", self.postgres), ("valkey", self.valkey))
            return [name for name, server in servers if server is not None and server.stop_leftover()]
        finally:
            self._release_lock()

    def erase(self) -> None:
        """Remove the data and, where this class made it, the directory. StartError when it is in use."""
        if not self._data.exists():
            return
        self.stop_leftovers()
        if self.postgres is not None:
            self.postgres.erase()
        if (self._data / MARK).exists():
            shutil.rmtree(self._data)
            return
        for name in OURS:
            path = self._data / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def stop(self) -> None:
        if self.postgres is not None:
            self.postgres.stop()
        if self.valkey is not None:
            self.valkey.stop()
        self._release_lock()

    def __enter__(self) -> EmbeddedStack:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_lock(self) -> None:
        if not self._data.exists():
            self._data.mkdir(parents=True, mode=0o700)
            (self._data / MARK).write_text(
                "made by dialwheel; `dialwheel down --erase` removes this folder\n"
            )
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

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def make_data_dir(data: Path) -> None:
    """Make the directory, private and marked as ours, unless it exists."""
    if not data.exists():
        data.mkdir(parents=True, mode=0o700)
        (data / MARK).write_text("made by dialwheel; `dialwheel down --erase` removes this folder\n")
