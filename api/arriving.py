"""A body that is used while it arrives, from a sender that keeps a pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from api.idempotency import next_chunk

IDLE_S = 60.0
"""A sender that is silent for so long has left; what came whole is in."""


async def chunks_of(request: web.Request, least_bytes_per_s: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TimeoutError when nothing does, or less than `least_bytes_per_s` over
    `IDLE_S` of waiting: a byte a minute would hold a place that others need. Our own work is not counted.
    """
    loop = asyncio.get_running_loop()
    waited_s, came = 0.0, 0
    while True:
        began_s = loop.time()
        async with asyncio.timeout(IDLE_S):
            chunk = await next_chunk(request)
        if not chunk:
            return
        waited_s += loop.time() - began_s
        came += len(chunk)
        if waited_s >= IDLE_S:
            if came < least_bytes_per_s * waited_s:
                raise TimeoutError("too slow")
            waited_s, came = 0.0, 0
        yield chunk
