"""Secrets of webhooks as the ledger keeps them: AES-256-GCM under keys of a file, or the installation's.

The account and the webhook are authenticated with it: a sealed secret that was copied to another row opens
nothing there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scheduler.errors import SettingsError

ID_BYTES = 4
"""Which key sealed it: the first bytes of what is kept."""

NONCE_BYTES = 12
LEAST_KEY = 32


class Sealer:
    """`keys`: the first one seals, all of them open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        derived = [hashlib.blake2b(key, digest_size=32, person=b"webhook secrets").digest() for key in keys]
        named = [(hashlib.blake2b(key, digest_size=ID_BYTES).digest(), AESGCM(key)) for key in derived]
        self._seals, self._ciphers = named[0], dict(named)

    def seal(self, secret: bytes, account_id: int, webhook_id: int, nonce: bytes) -> bytes:
        """`nonce`: random bytes, `NONCE_BYTES` of them, never the same twice."""
        key_id, cipher = self._seals
        return key_id + nonce + cipher.encrypt(nonce, secret, _bound_to(account_id, webhook_id))

    def open(self, sealed: bytes, account_id: int, webhook_id: int) -> bytes:
        """Raises ValueError for what was not sealed with one of our keys for this webhook."""
        key_id, rest = sealed[:ID_BYTES], sealed[ID_BYTES:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise ValueError("sealed with a key that is unknown here")
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _bound_to(account_id, webhook_id))
        except InvalidTag:
            raise ValueError("not sealed for this webhook") from None


def make_sealer(id_key: bytes, key_file: str) -> Sealer:
    """`key_file`: a key a line, the newest first; without one the installation's own key, which the ledger
    keeps, so that a copy of the ledger opens them. That one opens in any case: a file can be given later.

    Raises SettingsError.
    """
    keys = []
    if key_file:
        try:
            keys = Path(key_file).read_bytes().split()
        except OSError as error:
            raise _wrong(error.strerror or "it cannot be read") from error
        if not keys or min(map(len, keys)) < LEAST_KEY:
            raise _wrong(f"it needs a key of {LEAST_KEY} characters or more on each line")
    return Sealer([*keys, id_key])


def _wrong(why: str) -> SettingsError:
    return SettingsError("webhook_key_file cannot be used", why, "for instance: openssl rand -hex 32 > file")


def _bound_to(account_id: int, webhook_id: int) -> bytes:
    return f"{account_id}:{webhook_id}".encode()
