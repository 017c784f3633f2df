"""How much a caller may ask: by key and by address, counted before any work is done for it.

Callers are named on the wheel's server by keyed hashes. Some requests are taken at once and spent here, so
that not each costs a round trip; what is not spent within seconds is lost to the caller, never given twice.
With that server away each process lets a small share through.
"""

from __future__ import annotations

import hashlib
import math

import msgspec
from aiohttp import web

from api.problems import Problem
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.ledger.keys import parse_key
from scheduler.settings import Settings
from scheduler.wheel import TimingWheel
from scheduler.wheel.rates import Allowance, Taken, take

HEADERS: web.RequestKey[dict[str, str]] = web.RequestKey("rate_headers", dict)
"""What the answer says of the caller's allowance."""

WHOLE_S = 60
"""An allowance of which nothing is left is all back in so many seconds."""

SPEND_WITHIN_MS = 3_000
AT_ONCE = 200
"""A two-hundredth of a minute's allowance is taken at a time."""
ALONE = 10
"""With the count away a process lets a tenth of the allowance through by itself."""
MOST_CALLERS = 10_000


class _Counted(Allowance, frozen=True):
    """`policy`: what it goes by, `key` or `address`, as headers name it."""

    policy: str


class _Purse(msgspec.Struct):
    """Requests of one caller that were taken and not yet spent."""

    count: int
    left: int
    whole_at_ms: int
    until_ms: int


class RateLimits:
    """Of one app. A limit of 0 is none."""

    def __init__(self, wheel: TimingWheel, clock: Clock, settings: Settings, secret: bytes) -> None:
        self._wheel = wheel
        self._clock = clock
        self._per_key = settings.rate_limit_per_min
        self._per_address = settings.rate_limit_address_per_min
        self._secret = hashlib.blake2b(secret, digest_size=32, person=b"rates").digest()
        self._purses: dict[str, _Purse] = {}
        self._alone: dict[str, int] = {}

    async def admit(self, request: web.Request) -> None:
        """Let one request in, and note what its answer says. Raises Problem 429."""
        allowances = self._allowances(request)
        if not allowances:
            return
        now_ms = self._clock.wall_ms()
        together = "+".join(allowance.name for allowance in allowances)
        purse = self._purses.get(together)
        if purse is None or not purse.count or purse.until_ms < now_ms:
            purse = await self._fill(together, allowances, now_ms)
        purse.count -= 1
        whole_s = max(0, math.ceil((purse.whole_at_ms - now_ms) / 1000))
        request[HEADERS] = _said(allowances[-1], purse.left + purse.count, whole_s)

    def _allowances(self, request: web.Request) -> list[_Counted]:
        found = []
        if self._per_address and request.remote:
            found.append(_Counted(self._name("ip", request.remote), self._per_address, "address"))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = parse_key(token.strip()) if scheme.lower() == "bearer" else None
        if self._per_key and key is not None:
            found.append(_Counted(self._name("key", key.key_id), self._per_key, "key"))
        return found

    def _name(self, kind: str, who: str) -> str:
        return hashlib.blake2b(f"{kind}:{who}".encode(), digest_size=10, key=self._secret).hexdigest()

    async def _fill(self, together: str, allowances: list[_Counted], now_ms: int) -> _Purse:
        most = max(1, min(allowance.per_min for allowance in allowances) // AT_ONCE)
        try:
            taken = await take(self._wheel, allowances, most, now_ms)
        except DialwheelError:
            taken = self._take_alone(allowances[-1], now_ms)
        if len(self._purses) >= MOST_CALLERS:
            self._purses.clear()
        if not taken.count:
            after_s = max(1, math.ceil(taken.again_us / 1_000_000))
            headers = {**_said(allowances[-1], 0, WHOLE_S), "Retry-After": str(after_s)}
            detail = f"more than {allowances[-1].per_min} requests in a minute"
            raise Problem("rate-limited", detail, headers=headers)
        others = self._purses.get(together)  # filled by another request meanwhile
        count = taken.count + (others.count if others is not None and others.until_ms >= now_ms else 0)
        whole_at_ms = now_ms + taken.again_us // 1000
        purse = _Purse(count, taken.left, whole_at_ms, now_ms + SPEND_WITHIN_MS)
        self._purses[together] = purse
        return purse

    def _take_alone(self, allowance: Allowance, now_ms: int) -> Taken:
        """GCRA in this process, for a share of the allowance."""
        interval_us, burst = allowance.interval_us * ALONE, max(1, allowance.per_min // ALONE)
        now_us = now_ms * 1000
        if len(self._alone) >= MOST_CALLERS:
            self._alone.clear()
        tat = max(self._alone.get(allowance.name, 0), now_us)
        left = (now_us + burst * interval_us - tat) // interval_us
        if left < 1:
            return Taken(0, 0, tat + interval_us - now_us - burst * interval_us)
        self._alone[allowance.name] = tat + interval_us
        return Taken(1, left - 1, tat + interval_us - now_us)


def _said(allowance: _Counted, left: int, whole_s: int) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{allowance.policy}";q={allowance.per_min};w={WHOLE_S}',
        "RateLimit": f'"{allowance.policy}";r={max(0, left)};t={whole_s}',
    }
