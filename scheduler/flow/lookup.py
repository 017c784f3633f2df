"""Asking a provider what became of an attempt: the port that whoever assembles the parts fills.

What nobody heard of is looked up, never sent again. Only a provider that refuses what arrives after
`arrive_by_ms` can prove that there was no call: without that a request may still be on its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

import msgspec

from scheduler.domain.time import Ms


class Lookup(msgspec.Struct, frozen=True):
    """The attempt to be looked up, by the key it was sent under. `ref`: the provider's own id, where it is
    known. Its request was void at the provider after `arrive_by_ms`."""

    attempt_id: int
    key: UUID
    armed_at_ms: Ms
    arrive_by_ms: Ms
    ref: str | None = None


class FoundCall(msgspec.Struct, frozen=True, tag_field="found", tag="call"):
    """The provider has it. `state`: accepted, ringing or in_call; `outcome`: ours, once it is over.

    `rang_until_ms`: the last instant at which the phone may have rung.
    """

    ref: str
    state: str
    outcome: str | None = None
    ended_at_ms: Ms | None = None
    answered_at_ms: Ms | None = None
    rang_until_ms: Ms | None = None
    talk_s: int | None = None
    disposition: str | None = None
    callback_at_ms: Ms | None = None
    error: str | None = None


class NoCall(msgspec.Struct, frozen=True, tag_field="found", tag="none"):
    """Proven: no call was made under that key, and none will be by the request that was sent."""


class CannotSay(msgspec.Struct, frozen=True, tag_field="found", tag="unclear"):
    """Neither the one nor the other."""


Found: TypeAlias = FoundCall | NoCall | CannotSay
Find: TypeAlias = Callable[[list[Lookup], Ms], Awaitable[list[Found]]]
"""One answer for each, in order. Raises ServerUnavailable."""
