"""Bodies and queries as typed values, and what is wrong with them as problems that point at each place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import MAXYEAR, MINYEAR, datetime
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect
from msgspec.structs import FieldInfo, fields

from api.faults import MOST_FAULTS, below, body_faults, query_faults
from api.problems import FieldError, Problem

T = TypeVar("T")

_EDGE = re.compile(rb'"(?:0001|9999)-')
"""The first and the last year of the calendar: what instants in them are elsewhere may not be one."""

NUL = "texts may not hold the character NUL"
NO_INSTANT = "no instant that can be kept"

_DATED = re.compile(r"\d{4}-")
"""How an instant begins; a bare number would be read as seconds since 1970."""


def in_utf8(charset: str | None) -> bool:
    """Whether a `Content-Type` that names this charset, or none, is of a text in UTF-8."""
    return (charset or "utf-8").lower() in ("utf-8", "utf8", "us-ascii", "ascii")


def decode_body(raw: bytes, type_: type[T], shown: Any = None) -> T:
    """`shown`: as what the object is answered. Raises Problem: 400 for what is no JSON, 422 for what is not
    the shape."""
    raw = raw or b"{}"
    try:
        try:
            value = msgspec.json.decode(raw, type=type_)
        except msgspec.ValidationError:
            raise _refusal(body_faults(raw, type_, shown)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem("malformed-body", "the body is no valid JSON in UTF-8") from None
    except RecursionError:
        raise Problem("malformed-body", "the body is nested too deeply") from None
    if b"\\u00" in raw or _EDGE.search(raw):
        told = msgspec.to_builtins(value, builtin_types=(datetime,))
        if wrong := list(islice(_unstorable(told, ""), MOST_FAULTS)):
            raise _refusal(wrong)
    return value


def decode_query(given: Mapping[str, list[str]], type_: type[T]) -> T:
    """`given`: each parameter with its values. Raises Problem 422, or 400 for what is no cursor."""
    read: Any = without_null(type_)  # type: ignore[arg-type]  # a class is hashable
    known = _parameters(read)
    faults = {
        name: fault for name, said in given.items() if (fault := _misgiven(name, said, known.get(name)))
    }
    values = {
        name: said if isinstance(known.get(name), inspect.ListType) else said[0]
        for name, said in given.items()
    }
    try:
        query: T = msgspec.convert(values, read, strict=False)
    except msgspec.ValidationError:
        faults = {fault.parameter: fault for fault in query_faults(values, read)} | faults
    else:
        for name, value in msgspec.to_builtins(query, builtin_types=(datetime,)).items():
            if isinstance(value, datetime) and not _storable(value):
                faults.setdefault(name, FieldError("out-of-range", NO_INSTANT, parameter=name))
    if not faults:
        return query
    if list(faults) == ["cursor"] and "of length" in faults["cursor"].detail:
        raise Problem("invalid-cursor")  # as any other that was never given out
    order = {name: place for place, name in enumerate(known)}
    raise _refusal(sorted(faults.values(), key=lambda fault: order.get(fault.parameter, -1)))


@cache
def without_null(type_: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A query's type as it is read: null stands for what is left out, and `null` in an address is a word."""
    return msgspec.defstruct(
        type_.__name__,
        [(field.name, _said(field.type), _as_before(field)) for field in fields(type_)],
        bases=(type_,),
    )


def _as_before(field: FieldInfo) -> Any:
    kept: dict[str, Any] = {"default": field.default, "default_factory": field.default_factory}
    return msgspec.field(**kept, name=field.encode_name)


def _said(type_: Any) -> Any:
    """The type of a parameter that is there."""
    if get_origin(type_) not in (Union, UnionType):
        return type_
    return Union[tuple(one for one in get_args(type_) if one is not NoneType)]  # noqa: UP007


@cache
def _parameters(type_: type) -> dict[str, inspect.Type]:
    """What each parameter of a query's type takes."""
    return {field.encode_name: _plain(field.type) for field in _struct(inspect.type_info(type_)).fields}


def _misgiven(name: str, said: list[str], type_: inspect.Type | None) -> FieldError | None:
    """What is wrong with a parameter before anybody reads it."""
    if any(ord(character) < 32 for value in (name, *said) for character in value):
        code, detail = "invalid", "parameters may not hold control characters"
    elif len(said) > 1 and not isinstance(type_, inspect.ListType):
        code, detail = "repeated", "this parameter may be given once"
    elif isinstance(type_, inspect.DateTimeType) and not _DATED.match(said[0]):
        code, detail = "invalid", "expected an instant such as 2026-07-01T10:00:00Z"
    else:
        return None
    return FieldError(code, detail, parameter=name[:100])


def _refusal(faults: list[FieldError]) -> Problem:
    """`faults`: at least one; the first is told in the detail, the first advice in the hint."""
    faults = faults[:MOST_FAULTS]
    first = faults[0]
    where = first.parameter or first.pointer or "the body"
    hint = next((fault.hint for fault in faults if fault.hint), "")
    return Problem(
        "validation-failed", f"{where}: {first.detail}", hint=hint, errors=tuple(faults[:MOST_FAULTS])
    )


def _unstorable(value: Any, pointer: str) -> Iterator[FieldError]:
    """Texts with a NUL, and instants that the ledger cannot hold."""
    if isinstance(value, str) and "\0" in value:
        yield FieldError("nul", NUL, pointer=pointer)
    elif isinstance(value, datetime) and not _storable(value):
        yield FieldError("out-of-range", NO_INSTANT, pointer=pointer)
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
        if any("\0" in str(key) for key in value):
            yield FieldError("nul", NUL, pointer=pointer)
            return
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    for step, child in children:
        yield from _unstorable(child, below(pointer, step))


def _storable(at: datetime) -> bool:
    """Not so near the ends of the calendar that it has another year than it says, or none, in UTC."""
    return MINYEAR < at.year < MAXYEAR


def _plain(at: inspect.Type) -> inspect.Type:
    """Without metadata and without null."""
    while isinstance(at, inspect.Metadata):
        at = at.type
    if isinstance(at, inspect.UnionType):
        others = [type_ for type_ in at.types if not isinstance(type_, inspect.NoneType)]
        return _plain(others[0]) if len(others) == 1 else at
    return at


def _struct(at: inspect.Type) -> inspect.StructType:
    assert isinstance(at, inspect.StructType)
    return at
