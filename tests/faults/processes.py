"""Processes forked from one that has everything imported: twenty milliseconds instead of a second."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.worker", "tests.faults.oracle"])

Entry = Callable[[bytes, Connection], None]


class Missed(Exception):
    """The fault did not meet its window: the trial says nothing, and does not count."""


class Child:
    """One process and what it said. It is killed with `end` whatever state it is in."""

    def __init__(self, entry: Entry, config: bytes) -> None:
        ours, theirs = _CONTEXT.Pipe()
        self._pipe = ours
        self._process = _CONTEXT.Process(target=entry, args=(config, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.said: list[str] = []
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._hear)

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def alive(self) -> bool:
        return not self._gone.is_set()

    async def says(self, word: str, *, most_s: float = 40.0) -> str:
        """The line that begins with `word`, said already or within `most_s`. Raises TimeoutError, or
        ChildProcessError when the process is gone without having said it."""
        async with asyncio.timeout(most_s):
            while True:
                for line in self.said:
                    if line.startswith(word):
                        return line
                if self._gone.is_set():
                    raise ChildProcessError(f"gone before it said {word}")
                self._news.clear()
                await self._news.wait()

    async def fails(self) -> None:
        """Return when it met its failpoint. Raises Missed when others have done all the work before."""
        try:
            await self.says("HIT")
        except TimeoutError:
            raise Missed from None

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    async def gone(self, *, most_s: float = 40.0) -> None:
        async with asyncio.timeout(most_s):
            await self._gone.wait()

    async def end(self) -> None:
        """Kill it if it lives, and forget it."""
        self.signal(signal.SIGCONT)
        self.kill()
        await self.gone()
        self._process.join()

    def _hear(self) -> None:
        try:
            while self._pipe.poll():
                self.said.append(self._pipe.recv())
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._gone.set()
        self._news.set()
