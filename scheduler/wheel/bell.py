"""Waiting for the bell: one blocking read on a connection of its own, timed by our own event loop.

The server's blocking timeout fires up to 100 ms late, so it only shows that the connection lives. A read that
outlasts its waiter is kept for the next one: a ring in between is not lost, it answers the next wait at once.
"""

from __future__ import annotations

import asyncio
import contextlib

from redis.asyncio import Redis

from scheduler.wheel.client import make_client, our_errors
from scheduler.wheel.keys import bell_key

_ALIVE_S = 20


class Bell:
    """The bell of one shard, for every waiter of this process: a ring wakes them all."""

    def __init__(self, url: str, shard: int) -> None:
        self._client: Redis = make_client(url, connections=1, answer_timeout_s=2 * _ALIVE_S)
        self._key = bell_key(shard)
        self._ring: asyncio.Task[None] | None = None

    async def wait(self, timeout_s: float) -> bool:
        """True when the bell rang, False after `timeout_s`. Raises ServerUnavailable."""
        ring = self._ring
        if ring is None:
            ring = self._ring = asyncio.create_task(self._listen())
        done, _ = await asyncio.wait({ring}, timeout=timeout_s)
        if not done:
            return False
        if self._ring is ring:
            self._ring = None
        with our_errors():
            ring.result()
        return True

    async def close(self) -> None:
        if self._ring is not None:
            self._ring.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._ring
            self._ring = None
        await self._client.aclose()

    async def _listen(self) -> None:
        while await self._client.blpop([self._key], timeout=_ALIVE_S) is None:
            pass
