"""The generic webhook provider: attempts go to an integrator's own dialer or AI agent over HTTP.

What it must do is in `docs/webhook_provider.md`: the same key, the same answer; say clearly when it will not
dial. Its reports come back to the API (`/v1/providers/webhook/callbacks/{token}`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from dialer.http import REFUSALS, HttpClient, Reply, judge
from dialer.providers import webhook_wire as wire
from dialer.providers.base import (
    Accepted,
    Action,
    MayLeave,
    NotDialled,
    PlaceResult,
    ProviderEvent,
    Unknown,
    always,
)
from dialer.signing import sign
from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.lookup import CannotSay, Found, Lookup, NoCall
from scheduler.ledger.instants import EPOCH

NAME = "webhook"

LONGEST_PAUSE_S = DAY / SECOND
"""However long a `Retry-After` is, we ask again the next day."""

T = TypeVar("T")


class WebhookProvider:
    """Speaks to one address. `secrets` sign what goes out, the first one is the newest. `callback_url`: where
    the integrator reports on an attempt. `wall_s`: seconds of wall time, for signatures."""

    name = NAME
    live = True

    def __init__(
        self,
        http: HttpClient,
        secrets: list[bytes],
        callback_url: Callable[[int], str],
        wall_s: Callable[[], float],
    ) -> None:
        self._http = http
        self._secrets = secrets
        self._callback_url = callback_url
        self._wall_s = wall_s

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        """Each attempt in a request of its own, all at once, each sent once."""
        return list(await asyncio.gather(*(self._place(action, may_leave) for action in actions)))

    async def _place(self, action: Action, may_leave: MayLeave) -> PlaceResult:
        body, key = msgspec.json.encode(self._attempt(action)), str(action.key)
        headers = self._signed(key, body) | {"Idempotency-Key": key}
        exchange = await self._http.post("", msgspec.Raw(body), may_leave=may_leave, headers=headers)
        if isinstance(exchange, Reply) and exchange.status == 409:
            exchange = Reply(200, exchange.body)  # it has this key already: asked twice, dialled once
        refused = _refused(exchange) if isinstance(exchange, Reply) else None
        answer = refused or judge(exchange, lambda body: False)
        if isinstance(answer, NotDialled | Unknown):
            return answer
        taken = _decoded(answer, wire.Taken)
        return Unknown("the answer names no call") if taken is None else Accepted(taken.ref)

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        """Raises ServerUnavailable when the integrator did not say that it heard."""
        await asyncio.gather(*(self._hang_up(ref) for ref in refs))

    async def _hang_up(self, ref: str) -> None:
        reply = await self._ask({"type": "cancel", "ref": ref}, f"cancel-{ref}")
        if not (200 <= reply.status < 300 or reply.status in (404, 409, 410)):
            raise _unavailable(f"it answered {reply.status}")

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        """One question for each. Raises ServerUnavailable when none is answered."""
        asked = [self._find(lookup, now_ms) for lookup in attempts]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        troubles = [answer for answer in answers if isinstance(answer, BaseException)]
        for trouble in troubles:
            if len(troubles) == len(answers) or not isinstance(trouble, ServerUnavailable):
                raise trouble
        return [CannotSay() if isinstance(answer, BaseException) else answer for answer in answers]

    async def _find(self, lookup: Lookup, now_ms: Ms) -> Found:
        """Only a plain `{"known": false}` proves that there was no call, once the request is void."""
        asked = {
            "type": "lookup",
            "key": str(lookup.key),
            "ref": lookup.ref,
            "armed_at": _instant(lookup.armed_at_ms),
        }
        reply = await self._ask(asked, f"lookup-{lookup.key}")
        known = _decoded(reply.body, wire.Known)
        if known is None or reply.status not in (200, 404):
            return CannotSay()
        if known.known:
            return wire.found_of(known, lookup, now_ms)
        return NoCall() if now_ms > lookup.arrive_by_ms else CannotSay()

    def next_event_at(self) -> Ms | None:
        return None

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        """None: they are posted to the API."""
        return []

    async def acknowledge(self, event_ids: list[str]) -> None:
        """The answer to the post was the acknowledgement."""

    async def close(self) -> None:
        await self._http.close()

    async def _ask(self, body: dict[str, Any], id_: str) -> Reply:
        encoded = msgspec.json.encode(body)
        exchange = await self._http.post("", msgspec.Raw(encoded), headers=self._signed(id_, encoded))
        if not isinstance(exchange, Reply):
            raise _unavailable(exchange.reason)
        return exchange

    def _signed(self, id_: str, body: bytes) -> dict[str, str]:
        return sign(self._secrets, id_, int(self._wall_s()), body)

    def _attempt(self, action: Action) -> dict[str, Any]:
        """What is asked for; instants in RFC 3339."""
        brief = action.brief
        return {
            "type": "attempt",
            "key": str(action.key),
            "channel": action.channel,
            "to": action.to,
            "from": action.caller_id,
            "number": action.number,
            "ring_timeout_s": action.ring_timeout_s,
            "max_duration_s": action.max_duration_s,
            "not_after": _instant(action.not_after_ms),
            "arrive_by": None if action.arrive_by_ms is None else _instant(action.arrive_by_ms),
            "callback_url": self._callback_url(action.attempt_id),
            "payload": None if brief is None else msgspec.to_builtins(brief),
        }


def _refused(reply: Reply) -> NotDialled | None:
    """The integrator's own "no", told from a page of a proxy in between; 429 needs no words."""
    if reply.status not in REFUSALS | {429, 503}:
        return None
    refusal = _decoded(reply.body, wire.Refusal)
    if refusal is None and reply.status != 429:
        return None
    pause_s = None if reply.retry_after_s is None else min(reply.retry_after_s, LONGEST_PAUSE_S)
    why = f"http {reply.status}" if refusal is None else wire.tidy(refusal.error) or f"http {reply.status}"
    if refusal is None or reply.status in (429, 503):
        return NotDialled(why, "account", pause_s)
    usual = "account" if reply.status in (401, 402, 403) else "route"
    return NotDialled(why, refusal.scope or usual, pause_s, refusal.outcome)


def _decoded(body: bytes, type_: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _instant(at_ms: Ms) -> str:
    return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unavailable(why: str) -> ServerUnavailable:
    return ServerUnavailable(
        "the provider's address does not answer", why, "look at provider_url and its server"
    )
