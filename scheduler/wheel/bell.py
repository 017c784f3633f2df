"""Waiting for the bell: one blocking read on a connection of its own, timed by our own event loop.

The server's blocking timeout fires up to 100 ms late, so it only shows that the connection lives. A read that
outlasts its waiter is kept for the next one: a ring in between is not lost, it answers the next wait at once.
"""

from __future__ import annotations

import asyncio
import contextlib

from redis.asyncio import Redis

from scheduler.wheel.client import BLOCK_S, Servers, our_errors
from scheduler.wheel.keys import bell_key


class Bell:
    """The bell of one shard, for every waiter of this process: a ring wakes them all."""

    def __init__(self, servers: Servers, shard: int) -> None:
        self._servers = servers
        self._shard = shard
        self._client: Redis | None = None
        self._at = ""
        self._ring: asyncio.Task[None] | None = None

    async def wait(self, timeout_s: float) -> bool:
        """True when the bell rang, False after `timeout_s`. Raises ServerUnavailable."""
        with our_errors():
            at = await self._servers.whereabouts(self._shard)
        if at != self._at:  # the shard has moved: nobody rings where we listen
            await self.close()
            self._at = at
        ring = self._ring
        if ring is None:
            ring = self._ring = asyncio.create_task(self._listen())
        done, _ = await asyncio.wait({ring}, timeout=timeout_s)
        if not done:
            return False
        if self._ring is ring:
            self._ring = None
        with our_errors():
            if ring.cancelled():
                raise ConnectionError("the bell has moved")
            ring.result()
        return True

    async def close(self) -> None:
        ring, self._ring = self._ring, None
        client, self._client = self._client, None
        if ring is not None:
            ring.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await ring
        if client is not None:
            await client.aclose()

    async def _listen(self) -> None:
        if self._client is None:
            self._client = await self._servers.listener(self._shard)
        while await self._client.blpop([bell_key(self._shard)], timeout=BLOCK_S) is None:
            pass
