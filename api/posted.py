"""The face that a recorder wants, of providers that post their reports: nothing is fetched or sent here."""

from __future__ import annotations

from dialer.providers.base import Action, MayLeave, PlaceResult, ProviderEvent, Unknown, always
from scheduler.domain.time import Ms
from scheduler.flow.lookup import CannotSay, Found, Lookup


class Posted:
    """Who posted an event is answered by who took it in."""

    live = True

    def __init__(self, name: str) -> None:
        self.name = name

    async def acknowledge(self, event_ids: list[str]) -> None: ...

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
