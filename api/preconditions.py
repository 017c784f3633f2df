"""Tags of what is answered, and changes that hold only for what the caller has read."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from aiohttp import web

from api.problems import Problem


def tag_of(body: bytes) -> str:
    """The `ETag` of a JSON answer."""
    return f'"{hashlib.blake2b(body, digest_size=10).hexdigest()}"'


def names(said: str | None, tag: str) -> bool:
    """Whether a header such as `If-None-Match` names this tag."""
    if said is None:
        return False
    return said.strip() == "*" or tag in [part.strip().removeprefix("W/") for part in said.split(",")]


def require_match(request: web.Request, current: Any) -> None:
    """`current`: the object as a GET would answer it. Raises Problem 428 without `If-Match`, 412 when the
    object is not the one that the caller has read."""
    said = request.headers.get("If-Match")
    if said is None:
        raise Problem("precondition-required", "send the ETag of the object that you have read as If-Match")
    if not names(said, tag_of(msgspec.json.encode(current))):
        raise Problem("version-stale")


def tagged(shown: Any) -> dict[str, str]:
    """The `ETag` of an object that is answered with more around it than a GET shows."""
    return {"ETag": tag_of(msgspec.json.encode(shown))}
