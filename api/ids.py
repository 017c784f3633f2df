"""Ids of requests: the caller's own if it is harmless, else one of ours."""

from __future__ import annotations

import re
import secrets

from scheduler.public_ids import ALPHABET

HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""What may go into logs and headers as it came."""

_SPELLED = (ALPHABET * (256 // len(ALPHABET))).encode()
"""A letter for each byte, all as often: there are 32."""


def request_id(given: str | None) -> str:
    """`given` is the request's X-Request-Id. Bare digits are not taken over: they could be a phone."""
    if given is not None and HARMLESS.fullmatch(given) and not given.replace("-", "").isdigit():
        return given
    return "req_" + secrets.token_bytes(20).translate(_SPELLED).decode()
