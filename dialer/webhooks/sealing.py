"""Secrets of webhooks as the ledger keeps them: AES-256-GCM under a key derived from the installation's.

The account and the webhook are authenticated with it: a sealed secret that was copied to another row opens
nothing there.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_ID = b"\x01"
"""Which key sealed it: the first byte of what is kept."""

NONCE_BYTES = 12


class Sealer:
    """Seals and opens the secrets of one installation. `id_key`: the installation's."""

    def __init__(self, id_key: bytes) -> None:
        key = hashlib.blake2b(b"webhook secrets", digest_size=32, key=id_key).digest()
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, account_id: int, webhook_id: int, nonce: bytes) -> bytes:
        """`nonce`: random bytes, `NONCE_BYTES` of them, never the same twice."""
        return KEY_ID + nonce + self._cipher.encrypt(nonce, secret, _bound_to(account_id, webhook_id))

    def open(self, sealed: bytes, account_id: int, webhook_id: int) -> bytes:
        """Raises ValueError for what was not sealed here for this webhook."""
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != KEY_ID:
                raise ValueError("sealed with a key that is unknown here")
            return self._cipher.decrypt(nonce, rest, _bound_to(account_id, webhook_id))
        except InvalidTag:
            raise ValueError("the secret was not sealed here for this webhook") from None


def _bound_to(account_id: int, webhook_id: int) -> bytes:
    return f"{account_id}:{webhook_id}".encode()
