"""The part of a callback's address that names an attempt: nobody can make one up, it tells nothing else."""

from __future__ import annotations

import hashlib
import hmac

from scheduler.public_ids import PublicIds

_PREFIX = "pcb"
_MAC_CHARACTERS = 20
_REMEMBERED = 10_000
"""Tokens of ours: a call is reported on several times within minutes."""


class CallbackTokens:
    """Of one installation; `id_key` is its own."""

    def __init__(self, id_key: bytes) -> None:
        self._ids = PublicIds(id_key)
        self._key = hashlib.blake2b(b"callbacks", digest_size=32, key=id_key).digest()
        self._told: dict[str, int] = {}

    def write(self, attempt_id: int) -> str:
        shown = self._ids.write(_PREFIX, attempt_id)
        return f"{shown}.{self._mac(shown)}"

    def read(self, token: str) -> int | None:
        """The attempt; None for what was never given out."""
        attempt_id = self._told.get(token)
        if attempt_id is None and (attempt_id := self._read(token)) is not None:
            if len(self._told) >= _REMEMBERED:
                self._told.clear()
            self._told[token] = attempt_id
        return attempt_id

    def _read(self, token: str) -> int | None:
        shown, _, mac = token.partition(".")
        if not hmac.compare_digest(_raw(mac), self._mac(shown).encode()):
            return None
        return self._ids.read(_PREFIX, shown)

    def _mac(self, shown: str) -> str:
        return hmac.digest(self._key, _raw(shown), "sha256").hex()[:_MAC_CHARACTERS]


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
