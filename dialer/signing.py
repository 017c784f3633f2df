"""Signatures of requests between us and an integrator, both ways, as Standard Webhooks has them.

Three headers: `webhook-id`, `webhook-timestamp` in seconds, `webhook-signature` with one or more of
`v1,<base64 of HMAC-SHA256(id.timestamp.body)>`. Source: standardwebhooks.com, specification 1.0.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

TOLERANCE_S = 300
"""A request may be so old or so far ahead: replays end there, clocks differ by less."""

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"

LEAST_BYTES, MOST_BYTES = 24, 64
"""Of a secret: one that is shorter can be guessed, an empty one signs for everybody."""

MOST_SIGNATURES = 10
"""In a header: more than anybody has secrets."""


def read_secret(text: str) -> bytes:
    """The key behind `whsec_<base64>`. Raises ValueError, which does not tell it, for anything else."""
    if not text.startswith(PREFIX):
        raise ValueError("a secret begins with whsec_")
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("what follows whsec_ is not base64") from None
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError(f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes")
    return secret


def secrets_of(text: str) -> list[bytes]:
    """Of a setting: one secret, or two with a comma between them while the first takes the second's place.
    Raises ValueError."""
    return [read_secret(part.strip()) for part in text.split(",") if part.strip()]


def sign(secrets: Sequence[bytes], id_: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers; with two secrets two signatures, while one takes the other's place."""
    signatures = [f"v1,{_mac(secret, id_, str(timestamp_s), body)}" for secret in secrets]
    return {ID: id_, TIMESTAMP: str(timestamp_s), SIGNATURE: " ".join(signatures)}


def verify(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether one of our secrets signed exactly this, just now. Takes as long whatever is wrong."""
    id_, said, given = headers.get(ID, ""), headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    wanted = [_mac(secret, id_, said, body).encode() for secret in secrets]
    offered = [
        _raw(part.removeprefix("v1,"))
        for part in given.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
        if part.startswith("v1,")
    ]
    matches = [hmac.compare_digest(mac, offer) for mac in wanted for offer in offered]
    timely = said.isascii() and said.isdigit() and len(said) < 13 and abs(now_s - int(said)) <= TOLERANCE_S
    return any(matches) and timely and bool(id_)


def _mac(secret: bytes, id_: str, timestamp: str, body: bytes) -> str:
    signed = _raw(id_) + b"." + _raw(timestamp) + b"." + body
    return base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def _raw(header: str) -> bytes:
    """A header's bytes as they came: what is no UTF-8 in them must not stop us."""
    return header.encode("utf-8", "surrogateescape")
