"""Actions, places and numbers for the tests of providers. Every number ends in 555-01XX: nobody's."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from dialer.providers.base import Action, Provider, ProviderEvent
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_limits import Limits
from dialer.providers.simulated_model import Model, quiet
from scheduler.domain.model import Place

NEW_YORK = Place(("America/New_York",), ("US-NY",), ("America/New_York",), "number")
NEVER = 2 * 10**14

EVERYBODY_ANSWERS = {
    "human": 1.0,
    **dict.fromkeys(("voicemail", "busy", "fax", "dead", "refused", "blocked", "amd_unknown"), 0.0),
    "amd_right": 1.0,
}


def instant_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


TUESDAY_2PM = instant_ms("2026-06-02T14:00:00-04:00")
"""In New York, an hour with factor 1."""


def phones(count: int) -> list[str]:
    return [f"+1{area}55501{line:02d}" for area in range(200, 1000) for line in range(100)][:count]


PHONE = "+12125550142"


def an_action(
    n: int = 0, *, to: str = PHONE, number: int = 1, not_after_ms: int = NEVER, caller_id: str | None = None
) -> Action:
    return Action(UUID(int=n + 1), n, to, number, not_after_ms, caller_id=caller_id)


def a_simulator(
    model: Model | None = None,
    *,
    seed: int = 7,
    rings: RingLedger | None = None,
    limits: Limits | None = None,
) -> SimulatedProvider:
    return SimulatedProvider(seed, model or quiet(), rings, limits=limits, place_of=lambda phone: NEW_YORK)


async def all_events(provider: Provider, now_ms: int, until_ms: int = NEVER) -> list[ProviderEvent]:
    """Everything the provider has to say up to `until_ms`, acknowledged, as a recorder would take it."""
    events: list[ProviderEvent] = []
    for _ in range(10_000):
        at_ms = provider.next_event_at()
        if at_ms is None or at_ms > until_ms:
            return events
        now_ms = max(now_ms, at_ms)
        batch = await provider.events(now_ms, 100)
        events += batch
        await provider.acknowledge([event.event_id for event in batch])
    raise AssertionError("the provider never runs out of events")
