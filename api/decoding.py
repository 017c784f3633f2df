"""Bodies and queries as typed values, and what is wrong with them as problems that point at the place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from api.problems import FieldError, Problem

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$(?P<path>.*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")
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
    if b"\\u0000" in raw and (pointer := _find_nul(msgspec.to_builtins(value), "")) is not None:
        raise Problem(
            "validation-failed",
            "a text holds the character NUL",
            errors=(FieldError("nul", "texts may not hold the character NUL", pointer=pointer),),
        )
    return value


def decode_query(given: Mapping[str, list[str]], type_: type[T]) -> T:
    """`given`: each parameter with its values. Raises Problem 422."""
    lists = {
        field.encode_name
        for field in _struct(inspect.type_info(type_)).fields
        if isinstance(_plain(field.type), inspect.ListType)
    }
    values: dict[str, Any] = {}
    for name, said in given.items():
        if any(ord(character) < 32 for value in (name, *said) for character in value):
            raise _parameter(name, "invalid", "parameters may not hold control characters")
        if name in lists:
            values[name] = said
        elif len(said) > 1:
            raise _parameter(name, "repeated", "this parameter may be given once")
        else:
            values[name] = said[0]
    try:
        return msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        raise _problem(str(error), type_, query=True) from None


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


def _find_nul(value: Any, pointer: str) -> str | None:
    """The pointer to the first text with a NUL."""
    if isinstance(value, str):
        return pointer if "\0" in value else None
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        children = [(str(key), child) for key, child in value.items()]
        if any("\0" in key for key, _ in children):
            return pointer
    elif isinstance(value, list | tuple):
        children = [(str(index), child) for index, child in enumerate(value)]
    for step, child in children:
        found = _find_nul(child, f"{pointer}/{_escape(step)}")
        if found is not None:
            return found
    return None


def _known_names(type_: type, steps: list[str]) -> list[str]:
    at = _at(type_, steps)
    return [field.encode_name for field in at.fields] if isinstance(at, inspect.StructType) else []


def _choices(type_: type, steps: list[str]) -> list[str]:
    at = _at(type_, steps)
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
