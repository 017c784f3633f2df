"""How the simulator speaks over HTTP: the bodies that its server and its client share."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from dialer.providers.base import Accepted, Action, NotDialled, PlaceResult, ProviderEvent, Unknown
from scheduler.domain.time import Ms
from scheduler.flow.lookup import CannotSay, FoundCall, Lookup, NoCall

MAX_CALLS = 1_000
"""Calls, references or event ids in one request."""


class WireAccepted(msgspec.Struct, frozen=True, tag_field="result", tag="accepted"):
    ref: str
    queued_ms: int = 0


class WireNotDialled(msgspec.Struct, frozen=True, tag_field="result", tag="not_dialled"):
    reason: str
    scope: str = "route"
    retry_after_s: float | None = None
    outcome: str | None = None


class WireUnknown(msgspec.Struct, frozen=True, tag_field="result", tag="unknown"):
    reason: str


WireResult: TypeAlias = WireAccepted | WireNotDialled | WireUnknown


class Calls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /sim/calls`."""

    actions: list[Action]


class Results(msgspec.Struct, frozen=True):
    """Its answer: one result for each action, in order."""

    results: list[WireResult]


class Hangups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /sim/hangups`."""

    refs: list[str]


class Lookups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /sim/lookups`."""

    attempts: list[Lookup]


class Findings(msgspec.Struct, frozen=True):
    """Its answer: one finding for each attempt, in order."""

    found: list[FoundCall | NoCall | CannotSay]


class Events(msgspec.Struct, frozen=True):
    """Answer of `GET /sim/events`: what is due, and when the next is if that is known."""

    events: list[ProviderEvent]
    next_event_at_ms: Ms | None = None


class Acknowledged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /sim/events/ack`."""

    event_ids: list[str]


class Problem(msgspec.Struct, frozen=True):
    """An error of the simulator's own, as problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def to_wire(result: PlaceResult) -> WireResult:
    """A result as it travels."""
    if isinstance(result, Accepted):
        return WireAccepted(result.ref, result.queued_ms)
    if isinstance(result, NotDialled):
        return WireNotDialled(result.reason, result.scope, result.retry_after_s, result.outcome)
    return WireUnknown(result.reason)


def from_wire(result: WireResult) -> PlaceResult:
    """The result that travelled."""
    if isinstance(result, WireAccepted):
        return Accepted(result.ref, result.queued_ms)
    if isinstance(result, WireNotDialled):
        return NotDialled(result.reason, result.scope, result.retry_after_s, result.outcome)
    return Unknown(result.reason)
