"""The face that a recorder wants, of providers that post their reports: nothing is fetched or sent here."""

from __future__ import annotations

import asyncio

from dialer.providers.base import Action, MayLeave, PlaceResult, ProviderEvent, Unknown, always
from scheduler.domain.time import Ms
from scheduler.flow.lookup import CannotSay, Found, Lookup


class Posted:
    """Tells who posted an event when it is committed."""

    live = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def waits_for(self, event_id: str) -> asyncio.Future[None]:
        """Done when this event is committed."""
        known = self._waiting.get(event_id)
        if known is None:
            known = self._waiting[event_id] = asyncio.get_running_loop().create_future()
        return known

    def __len__(self) -> int:
        return len(self._waiting)

    async def acknowledge(self, event_ids: list[str]) -> None:
        for event_id in event_ids:
            future = self._waiting.pop(event_id, None)
            if future is not None and not future.done():
                future.set_result(None)

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        return [Unknown("nothing is sent from here")] * len(actions)

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None: ...

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        return [CannotSay()] * len(attempts)

    def next_event_at(self) -> Ms | None:
        return None

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        return []
