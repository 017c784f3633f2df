"""Randomness that can be replayed: every draw follows from what the attempt is, and from nothing else."""

from __future__ import annotations

from hashlib import blake2b

_SPREAD = 1 << 64


def draw(seed: int, lead_key: str, run: int, number: int, purpose: str) -> float:
    """A number in [0, 1), uniform over leads and attempts, the same wherever the same attempt is planned."""
    text = f"{run}|{number}|{purpose}|{lead_key}".encode()
    digest = blake2b(text, digest_size=8, key=(seed % _SPREAD).to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / _SPREAD
