"""What a provider is: it places a call, says honestly what it knows, and reports events.

A provider's own vocabulary ends at its adapter. `place` has three answers and no retries anywhere:
what is Unknown is never placed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias
from uuid import UUID

import msgspec

from scheduler.domain.time import Ms
from scheduler.flow.briefs import Brief
from scheduler.flow.lookup import Found, Lookup


class Action(msgspec.Struct, frozen=True):
    """One attempt as it goes out. `key` is stable for the attempt, `number` is its n within the loop.

    `not_after_ms`: the provider may not ring later than this. `arrive_by_ms`: a request that reaches the
    provider later than this is void, where it looks at that (None: it does not run out). `to` is the phone
    in E.164, `caller_id` the number that it shows (None: the provider's own). `brief`: what the step of a
    cadence says to whoever makes the contact.
    """

    key: UUID
    attempt_id: int
    to: str
    number: int
    not_after_ms: Ms
    channel: str = "call"
    caller_id: str | None = None
    ring_timeout_s: int = 25
    max_duration_s: int = 600
    arrive_by_ms: Ms | None = None
    brief: Brief | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The provider took it; `ref` is its own id of the call."""

    ref: str
    queued_ms: int = 0


class NotDialled(msgspec.Struct, frozen=True):
    """Certain: no phone rang and none will. `scope`: number, caller_id, account, route, or
    permit: our own gate held it back, or it came too late.

    `outcome`: with scope number, what that means for it (ours); None: an error."""

    reason: str
    scope: str = "route"
    retry_after_s: float | None = None
    outcome: str | None = None


class Unknown(msgspec.Struct, frozen=True):
    """Bytes left us and no definite answer came back. Never place it again."""

    reason: str


PlaceResult: TypeAlias = Accepted | NotDialled | Unknown


class ProviderEvent(msgspec.Struct, frozen=True, gc=False):
    """One report about a call. `kind` rises: queued < initiated < ringing < answered < ended.

    `at_ms` is the Clock's instant at the provider. With `ended`: `outcome` (ours), optional `disposition`,
    `callback_at_ms`, `talk_s`, `error`. `rang_until_ms`: last instant at which the phone may have rung.
    """

    event_id: str
    key: UUID
    attempt_id: int
    ref: str
    kind: str
    at_ms: Ms
    outcome: str | None = None
    disposition: str | None = None
    callback_at_ms: Ms | None = None
    rang_until_ms: Ms | None = None
    talk_s: int | None = None
    error: str | None = None


HELD = NotDialled("the permit was over before the bytes could leave", "permit", 0.0)
"""What our own gate kept back at the last moment."""

MayLeave: TypeAlias = Callable[[], bool]


def always() -> bool:
    """Let everything leave."""
    return True


class Provider(Protocol):
    """The face every provider shows to the worker."""

    name: str
    live: bool
    """True when real phones ring: never loaded by demo or test keys."""

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        """Send each action once, in order; one result for each. Never raises for what the network did.

        `may_leave` is the gate: it is asked directly before the bytes of a request go out, when there is a
        connection; what it keeps back is HELD."""
        ...

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        """End what is ringing or talking, as well as the provider can."""
        ...

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        """What became of attempts that nobody heard of; one answer for each, in order. `NoCall` only where
        the provider can prove it. Raises ServerUnavailable."""
        ...

    def next_event_at(self) -> Ms | None:
        """When the next event is due, for clocks that are moved; None if unknown or none."""
        ...

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        """The events due at `now_ms`, at most `limit`, each handed out until `acknowledge`."""
        ...

    async def acknowledge(self, event_ids: list[str]) -> None:
        """These events are committed in the ledger: forget them."""
        ...
