"""Who asks: a key in the Authorization header, checked against its hash, remembered for a few seconds."""

from __future__ import annotations

import contextlib
import hmac

import msgspec

from api.problems import Problem
from scheduler.clock import Clock
from scheduler.errors import DialwheelError
from scheduler.ledger.database import Database
from scheduler.ledger.keys import (
    ParsedKey,
    StoredKey,
    find_key,
    hash_secret,
    key_used,
    parse_key,
    pepper_of,
)

REMEMBERED_S = 4.0
"""A revoked key is refused everywhere within five seconds."""

USED_S = 60.0
"""`last_used_at` is true to the minute."""

_MOST_REMEMBERED = 10_000
_NOBODY = bytes(32)


class Caller(msgspec.Struct, frozen=True):
    """A key that holds: the account comes from here, never from a body or a path."""

    account_id: int
    key_id: str
    scopes: frozenset[str]
    operator: bool = False
    environment: str = "test"

    def require(self, scope: str) -> None:
        """Raises Problem 403; `admin` has every scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Problem("scope-missing", f"this key lacks the scope {scope}")


class KeyRing:
    """Checks keys. Each is read from the ledger again once it was remembered for `REMEMBERED_S`."""

    def __init__(self, database: Database, id_key: bytes, clock: Clock) -> None:
        self._database = database
        self._pepper = pepper_of(id_key)
        self._clock = clock
        self._known: dict[str, tuple[float, StoredKey | None]] = {}
        self._used_s: dict[str, float] = {}

    async def caller_of(self, header: str | None) -> Caller:
        """Raises Problem 401 for all but a key that holds, in the same time whatever is wrong with it."""
        key = _bearer(header)
        if key is None:
            raise _unauthenticated("send Authorization: Bearer dw_live_… or dw_test_…")
        stored = await self._find(key.key_id)
        sent = hash_secret(self._pepper, key.secret)
        same = hmac.compare_digest(sent, _NOBODY if stored is None else stored.secret_hash)
        if stored is None or not same or stored.environment != key.environment:
            raise _unauthenticated("this key is not known")
        caller = self._caller(stored)
        await self._note_use(stored.key_id)
        return caller

    async def caller_of_key(self, key_id: str) -> Caller:
        """Of a key that was shown before. Raises Problem 401 when it holds no more."""
        stored = await self._find(key_id)
        if stored is None:
            raise _unauthenticated("this key is not known")
        return self._caller(stored)

    def _caller(self, stored: StoredKey) -> Caller:
        if stored.revoked or (
            stored.expires_at_ms is not None and stored.expires_at_ms <= self._clock.wall_ms()
        ):
            raise _unauthenticated("this key is expired or revoked")
        if stored.environment == "test" and not stored.simulated:
            raise Problem("scope-missing", "a test key reaches only accounts on the simulated provider")
        if stored.suspended:
            raise Problem("account-suspended")
        return Caller(stored.account_id, stored.key_id, stored.scopes, stored.operator, stored.environment)

    async def _note_use(self, key_id: str) -> None:
        """Once a minute, and for nobody's harm when it cannot be written."""
        now_s = self._clock.monotonic_s()
        if now_s - self._used_s.get(key_id, -USED_S) < USED_S:
            return
        if len(self._used_s) >= _MOST_REMEMBERED:
            self._used_s.clear()
        self._used_s[key_id] = now_s
        with contextlib.suppress(DialwheelError):
            await key_used(self._database, key_id, self._clock.wall_ms())

    async def _find(self, key_id: str) -> StoredKey | None:
        now_s = self._clock.monotonic_s()
        known = self._known.get(key_id)
        if known is not None and now_s - known[0] < REMEMBERED_S:
            return known[1]
        stored = await find_key(self._database, key_id)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key_id] = (now_s, stored)
        return stored


def _bearer(header: str | None) -> ParsedKey | None:
    scheme, _, token = (header or "").partition(" ")
    return parse_key(token.strip()) if scheme.lower() == "bearer" else None


def _unauthenticated(detail: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})
