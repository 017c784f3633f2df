"""Reading server-sent events as a browser does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from tests.api.builders import Site

PATIENCE_S = 20.0


@dataclass
class Heard:
    name: str
    data: Any
    id: str | None


def as_sent(pulled: dict[str, Any]) -> dict[str, Any]:
    """An event of /v1/events without what only the list has: API 7 says what is sent."""
    return {name: value for name, value in pulled.items() if name not in ("created_at", "updated_at")}


class Reader:
    """One open stream."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.last_id: str | None = None
        self.retry_ms: int | None = None

    async def next(self) -> Heard | None:
        """The next event; None when the stream is over."""
        name, data, id_ = "message", "", None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.response.content.readline()).decode():
                field, _, value = line.rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data += value
                elif field == "id":
                    id_ = self.last_id = value
                elif field == "retry":
                    self.retry_ms = int(value)
                elif not line.strip() and data:
                    return Heard(name, json.loads(data), id_)
        return None

    async def until(self, enough: Callable[[Heard], bool]) -> list[Heard]:
        """All up to the first that is enough."""
        heard = []
        while (one := await self.next()) is not None:
            heard.append(one)
            if enough(one):
                return heard
        raise AssertionError(f"the stream ended after {[one.name for one in heard]}")

    async def events(self, count: int) -> list[Heard]:
        """So many events, ticks left out."""
        heard: list[Heard] = []
        while len(heard) < count:
            one = await self.next()
            assert one is not None, "the stream ended"
            if one.name != "tick":
                heard.append(one)
        return heard


@asynccontextmanager
async def listening(
    site: Site, query: dict[str, str] | None = None, *, status: int = 200, **rest: Any
) -> AsyncIterator[Reader]:
    response = await site.get("/v1/events/stream", params=query or {}, **rest)
    try:
        assert response.status == status, await response.text()
        yield Reader(response)
    finally:
        response.close()
