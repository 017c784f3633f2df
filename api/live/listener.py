"""One who listens: what is still to be sent to it, and what becomes of it when it does not keep up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from api.live.topics import Topics

log = structlog.get_logger()

MOST_WAITING = 500
"""Messages: ten seconds of a busy stream, a megabyte. Who has not read them by then is cut off: it comes back
with the id of the last one and hears the rest, or what it missed."""


class Listener:
    """`cut`: breaks the connection off, even in the middle of a write that hangs."""

    def __init__(self, account_id: int, topics: Topics, cut: Callable[[], None]) -> None:
        self.account_id = account_id
        self.topics = topics
        self.over = False
        self._cut = cut
        self._waiting: list[bytes] = []
        self._news = asyncio.Event()

    def put(self, frames: Iterable[bytes]) -> None:
        """Never waits."""
        if self.over:
            return
        self._waiting += frames
        if len(self._waiting) > MOST_WAITING:
            log.info("listener_cut_off", account_id=self.account_id, waiting=len(self._waiting))
            self.close()
            self._cut()
        self._news.set()

    def close(self) -> None:
        """Nothing more is sent."""
        self.over = True
        self._waiting.clear()
        self._news.set()

    async def take(self, most_s: float) -> bytes:
        """What has come, as soon as there is any; empty after `most_s` of silence, or when it is over."""
        try:
            async with asyncio.timeout(most_s):
                await self._news.wait()
        except TimeoutError:
            return b""
        self._news.clear()
        frames, self._waiting = self._waiting, []
        return b"".join(frames)
