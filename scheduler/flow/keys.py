"""What stands for a lead where its phone number may not be shown."""

from __future__ import annotations

import hashlib


def lead_key(phone_key: bytes, external_id: str | None, phone: str) -> str:
    """The stable part of every jitter of a lead: its external id, else a keyed hash of its phone."""
    if external_id:
        return external_id
    return hashlib.blake2b(phone.encode(), key=phone_key, digest_size=8).hexdigest()
