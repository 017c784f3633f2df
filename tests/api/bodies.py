"""Bodies made of the types that decode them, for tests that ask every route."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

KINDS = {
    "agent_id": "agt", "batch_id": "bat", "cadence_id": "cad", "lead_id": "lead", "lead": "lead",
    "list_id": "dnl", "trunk_id": "trk", "caller_id_pool_id": "cip", "caller_ids": "cid", "pool": "cid",
    "loop_id": "loop", "attempt_id": "att", "import_id": "imp",
}  # fmt: skip
"""What a field of this name refers to. `ids` refer to what the path is about."""

EXAMPLES: dict[str, Any] = {
    "phone": "+12125550161",
    "date": "2030-12-24",
    "ends_at": "2030-12-24T00:00:00Z",
    "at": "2030-12-24T00:00:00Z",
    "from": "2026-06-01T00:00:00Z",
    "phones": ["+12125550161"],
    "scopes": ["read"],
    "on": "busy",
    "url": "https://example.com/hook",
}
"""What a field of this name takes, where its type does not say it."""

Path = tuple[str, ...]


def body_of(type_: type, ids: Mapping[str, str], about: str = "") -> dict[str, Any]:
    """The least that this type takes, and every reference that it may hold, to the objects of `ids`.

    `about`: the kind of the objects that a field `ids` names.
    """
    return _struct(_bare(inspect.type_info(type_)), ids, about)


def references(type_: type, about: str = "") -> list[Path]:
    """The places of a body of this type that refer to other objects."""
    return list(_references(_bare(inspect.type_info(type_)), about))


def kind_of(path: Path, about: str = "") -> str | None:
    """Of the object that this place refers to."""
    return about or None if path[-1] == "ids" else KINDS.get(path[-1])


def put(body: dict[str, Any], path: Path, value: str) -> dict[str, Any]:
    """The body with another value at a place, which takes one or a list of them."""
    name, *rest = path
    at = body[name]
    if rest:
        inner = put(at[0] if isinstance(at, list) else at, tuple(rest), value)
        return {**body, name: [inner] if isinstance(at, list) else inner}
    return {**body, name: [value] if isinstance(at, list) else value}


def _struct(at: inspect.Type, ids: Mapping[str, str], about: str) -> dict[str, Any]:
    assert isinstance(at, inspect.StructType)
    body: dict[str, Any] = {}
    for field in at.fields:
        inner = _bare(field.type)
        kind = kind_of((field.encode_name,), about)
        many = isinstance(inner, inspect.ListType)
        struct = _bare(inner.item_type) if isinstance(inner, inspect.ListType) else inner
        if kind in ids and isinstance(struct, inspect.StrType):
            body[field.encode_name] = [ids[kind]] if many else ids[kind]
        elif any(_references(struct, about)):
            made = _struct(struct, ids, about)
            body[field.encode_name] = [made] if many else made
        elif field.required:
            body[field.encode_name] = _example(inner, field.encode_name)
    return body


def _references(at: inspect.Type, about: str) -> Iterator[Path]:
    if isinstance(at, inspect.ListType):
        at = _bare(at.item_type)
    for field in at.fields if isinstance(at, inspect.StructType) else ():
        if kind_of((field.encode_name,), about) is not None:
            yield (field.encode_name,)
        else:
            for path in _references(_bare(field.type), about):
                yield (field.encode_name, *path)


def _example(at: inspect.Type, name: str) -> Any:
    if name in EXAMPLES:
        return EXAMPLES[name]
    if isinstance(at, inspect.LiteralType):
        return at.values[0]
    if isinstance(at, inspect.EnumType):
        return next(iter(at.cls)).value
    if isinstance(at, inspect.IntType | inspect.FloatType):
        return at.ge or 1
    if isinstance(at, inspect.StructType):
        return _struct(at, {}, "")
    if isinstance(at, inspect.StrType):
        return "made up"
    raise AssertionError(f"EXAMPLES lacks one of `{name}`")


def _bare(at: inspect.Type) -> inspect.Type:
    """Without metadata and null; of several types the one for many."""
    while isinstance(at, inspect.Metadata):
        at = at.type
    if isinstance(at, inspect.UnionType):
        others = [one for one in map(_bare, at.types) if not isinstance(one, inspect.NoneType)]
        return next((one for one in others if isinstance(one, inspect.ListType)), others[0])
    return at
