"""Bodies and queries as typed values, and what is wrong with them as problems that point at the place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from api.problems import FieldError, Problem

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$(?P<path>.*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")
_EDGE = re.compile(rb'"(?:0001|9999)-')
"""The first and the last year of the calendar: what instants in them are elsewhere may not be one."""

NUL = "texts may not hold the character NUL"
NO_INSTANT = "no instant that can be kept"

_DATED = re.compile(r"\d{4}-")
"""How an instant begins; a bare number would be read as seconds since 1970."""

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([^\]]*)\]")


def decode_body(raw: bytes, type_: type[T]) -> T:
    """Raises Problem: 400 for what is no JSON, 422 for what is not the shape."""
    try:
        value = msgspec.json.decode(raw or b"{}", type=type_)
    except msgspec.ValidationError as error:
        raise _problem(str(error), type_, query=False) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem("malformed-body", "the body is no valid JSON in UTF-8") from None
    except RecursionError:
        raise Problem("malformed-body", "the body is nested too deeply") from None
    if b"\\u00" in raw or _EDGE.search(raw):
        wrong = _find_wrong(msgspec.to_builtins(value, builtin_types=(datetime,)), "")
        if wrong is not None:
            raise Problem("validation-failed", f"{wrong.pointer}: {wrong.detail}", errors=(wrong,))
    return value


def decode_query(given: Mapping[str, list[str]], type_: type[T]) -> T:
    """`given`: each parameter with its values. Raises Problem 422."""
    fields = _parameters(type_)  # type: ignore[arg-type]  # a class is hashable
    values: dict[str, Any] = {}
    for name, said in given.items():
        if any(ord(character) < 32 for value in (name, *said) for character in value):
            raise _parameter(name, "invalid", "parameters may not hold control characters")
        at = fields.get(name)
        if isinstance(at, inspect.ListType):
            values[name] = said
        elif len(said) > 1:
            raise _parameter(name, "repeated", "this parameter may be given once")
        elif isinstance(at, inspect.DateTimeType) and not _DATED.match(said[0]):
            raise _parameter(name, "invalid", "expected an instant such as 2026-07-01T10:00:00Z")
        else:
            values[name] = said[0]
    try:
        query = msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise _problem(str(error), type_, query=True) from None
    for name, value in msgspec.to_builtins(query, builtin_types=(datetime,)).items():
        if isinstance(value, datetime) and not _storable(value):
            raise _parameter(name, "out-of-range", NO_INSTANT)
    return query


@cache
def _parameters(type_: type) -> dict[str, inspect.Type]:
    """What each parameter of a query's type takes."""
    return {field.encode_name: _plain(field.type) for field in _struct(inspect.type_info(type_)).fields}


def _problem(message: str, type_: type, *, query: bool) -> Problem:
    """msgspec's message as a problem: its words name types and bounds, never the value."""
    place = _PLACE.search(message)
    steps = _steps(place["path"]) if place else []
    said = message[: place.start()] if place else message
    hint = ""
    if unknown := _UNKNOWN.match(said):
        code, name = "unknown-field", unknown["name"][:100]
        near = get_close_matches(name, _known_names(type_, steps), n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else ""
        steps, said = [*steps, name], "no such field" if not query else "no such parameter"
    elif missing := _MISSING.match(said):
        code, steps, said = "required", [*steps, missing["name"]], "this field is required"
    else:
        code = "invalid"
        if steps == ["cursor"] and "of length" in said:  # as any other that was never given out
            return Problem("invalid-cursor")
        if said.startswith("Invalid enum value"):
            known = _choices(type_, steps)
            said, hint = "not one of the known values", f"known: {', '.join(known)}" if known else ""
    if query:
        dotted = ".".join(steps[:2])  # such as created_at.gte
        name = dotted if dotted in _known_names(type_, []) else (steps or [""])[0]
        error = FieldError(code, said, parameter=name)
    else:
        error = FieldError(code, said, pointer="".join("/" + _escape(step) for step in steps))
    where = (error.parameter or error.pointer) if steps else "the body"
    return Problem("validation-failed", f"{where}: {said}", hint=hint, errors=(error,))


def _parameter(name: str, code: str, detail: str) -> Problem:
    return Problem("validation-failed", detail, errors=(FieldError(code, detail, parameter=name[:100]),))


def _steps(path: str) -> list[str]:
    """`.consent.basis` and `.tags[1]` as steps; `[...]`, msgspec's word for any key, ends them."""
    steps = []
    for name, index in _STEP.findall(path):
        if index == "...":
            break
        steps.append(name or index)
    return steps


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _find_wrong(value: Any, pointer: str) -> FieldError | None:
    """The first text with a NUL, or instant that the ledger cannot hold."""
    if isinstance(value, str):
        return FieldError("nul", NUL, pointer=pointer) if "\0" in value else None
    if isinstance(value, datetime):
        return None if _storable(value) else FieldError("out-of-range", NO_INSTANT, pointer=pointer)
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        children = [(str(key), child) for key, child in value.items()]
        if any("\0" in key for key, _ in children):
            return FieldError("nul", NUL, pointer=pointer)
    elif isinstance(value, list | tuple):
        children = [(str(index), child) for index, child in enumerate(value)]
    for step, child in children:
        found = _find_wrong(child, f"{pointer}/{_escape(step)}")
        if found is not None:
            return found
    return None


def _storable(at: datetime) -> bool:
    """Not so near the ends of the calendar that it has another year than it says, or none, in UTC."""
    return MINYEAR < at.year < MAXYEAR


def _known_names(type_: type, steps: list[str]) -> list[str]:
    at = _at(type_, steps)
    return [field.encode_name for field in at.fields] if isinstance(at, inspect.StructType) else []


def _choices(type_: type, steps: list[str]) -> list[str]:
    at = _at(type_, steps)
    if isinstance(at, inspect.ListType):
        at = _plain(at.item_type)
    if isinstance(at, inspect.LiteralType):
        return [str(value) for value in at.values]
    if isinstance(at, inspect.EnumType):
        return [str(member.value) for member in at.cls]
    return []


def _at(type_: type, steps: list[str]) -> inspect.Type | None:
    """The type at the end of `steps`."""
    at: inspect.Type | None = _plain(inspect.type_info(type_))
    for step in steps:
        if isinstance(at, inspect.StructType):
            found = [field.type for field in at.fields if field.encode_name == step]
            at = _plain(found[0]) if found else None
        elif isinstance(at, inspect.ListType):
            at = _plain(at.item_type)
        else:
            return None
    return at


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
