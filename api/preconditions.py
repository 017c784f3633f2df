"""Tags of what is answered, and changes that hold only for what the caller has read."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from aiohttp import web

from api.problems import Problem

TAGS_MAX = 200
"""Characters of an `If-Match`: four tags of ours, which nobody needs."""


def tag_of(body: bytes) -> str:
    """The `ETag` of a JSON answer."""
    return f'"{_digest(body)}"'


def tag_of_object(shown: Any, body: bytes) -> str:
    """The `ETag` of what is answered as `body`.

    Some of it may change without anybody changing it, as its type says: before a dot stands what `If-Match`
    looks at, or nobody could edit what is running.
    """
    by_itself = getattr(shown, "CHANGES_BY_ITSELF", ())
    if not by_itself:
        return tag_of(body)
    said = {name: getattr(shown, name) for name in shown.__struct_fields__ if name not in by_itself}
    return f'"{_digest(msgspec.json.encode(said))}.{_digest(body)}"'


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=10).hexdigest()


def names(said: str | None, tag: str) -> bool:
    """Whether a header such as `If-None-Match` names this tag."""
    if said is None:
        return False
    return said.strip() == "*" or tag in [part.strip().removeprefix("W/") for part in said.split(",")]


def require_possible(request: web.Request) -> None:
    """Raises Problem 412 for an `If-Match` that can name nothing of ours. Asked before a kept reply is looked
    for, which would be no answer to it."""
    if len(request.headers.get("If-Match", "")) > TAGS_MAX:
        raise Problem("version-stale")


def require_match(request: web.Request, current: Any, tag: str | None = None, *, needed: bool = True) -> None:
    """`current`: the object as a GET would answer it, with its `tag` where that is not of the body. Raises
    Problem 428 without `If-Match` where it is needed, 412 when the object is not the one that the caller has
    read."""
    said = request.headers.get("If-Match")
    if said is None:
        if not needed:
            return
        raise Problem("precondition-required", "send the ETag of the object that you have read as If-Match")
    if tag is None:
        tag = tag_of_object(current, msgspec.json.encode(current))
    if not names(",".join(_settled(part) for part in said.split(",")), _settled(tag)):
        raise Problem("version-stale")


def _settled(tag: str) -> str:
    """Of a tag what stands before the dot."""
    before, dot, _ = tag.strip().partition(".")
    return f'{before}"' if dot else before


def tagged(shown: Any) -> dict[str, str]:
    """The `ETag` of an object that is answered with more around it than a GET shows."""
    return {"ETag": tag_of_object(shown, msgspec.json.encode(shown))}
