"""Ids of requests: the caller's own if it is harmless, else one of ours."""

from __future__ import annotations

import re
import secrets

from scheduler.public_ids import ALPHABET

HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""What may go into logs and headers as it came."""


def request_id(given: str | None) -> str:
    """`given` is the request's X-Request-Id. Bare digits are not taken over: they could be a phone."""
    if given is not None and HARMLESS.fullmatch(given) and not given.replace("-", "").isdigit():
        return given
    return "req_" + "".join([ALPHABET[byte & 31] for byte in secrets.token_bytes(20)])
