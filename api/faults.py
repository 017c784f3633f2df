"""What a type refuses of a body or a query: every place at once, where the decoder stops at the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Raw, UnsetType
from msgspec.structs import fields

from api.problems import FieldError

MOST_FAULTS = 20
"""Places that one answer names: more than a form has, and not a page for a body of rubbish."""

MOST_ITEMS = 1_000
"""Of a list that are looked at one by one."""

_PLACE = re.compile(r" - at `\$(?P<path>.*)`$")
INSTANT = "write it like 2026-07-01T10:00:00Z"
_OF_A_FORM = "Expected `str` matching regex "
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([^\]]*)\]")


def body_faults(raw: bytes, type_: Any, shown: Any = None) -> list[FieldError]:
    """Of a body that `type_` refuses, at least one: unknown fields, then the others in the type's order.

    `shown`: as what the object is answered; a field that is known from there is read-only.

    Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError where what follows the first fault is no
    JSON.
    """
    answered = isinstance(shown, type) and issubclass(shown, msgspec.Struct)
    names = {below("", field.encode_name) for field in fields(shown)} if answered else set()
    return [_read_only(one, names) for one in islice(_faults(raw, type_, ""), MOST_FAULTS)]


def query_faults(values: Mapping[str, Any], type_: type) -> list[FieldError]:
    """Of parameters that `type_` refuses: unknown ones, then the others in the type's order."""
    known = {field.encode_name: field for field in fields(type_)}
    found = []
    for name in values:
        if name not in known:
            hint = _nearest(name, known)
            found.append(FieldError("unknown-field", "no such parameter", parameter=name[:100], hint=hint))
    for name, field in known.items():
        if name in values:
            try:
                msgspec.convert(values[name], field.type, strict=False)
            except msgspec.ValidationError as error:
                detail, _, hint = _read(str(error), field.type)
                found.append(FieldError("invalid", detail, parameter=name, hint=hint))
        elif field.required:
            found.append(FieldError("required", "this parameter is required", parameter=name))
    return found


def below(pointer: str, step: object) -> str:
    """The JSON pointer to a member or an item."""
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def _read_only(fault: FieldError, names: set[str]) -> FieldError:
    if fault.code != "unknown-field" or fault.pointer not in names:
        return fault
    return FieldError("read-only", "this field can only be read", pointer=fault.pointer, hint="leave it out")


def _faults(raw: Any, type_: Any, pointer: str) -> Iterator[FieldError]:
    try:
        _decoder(type_).decode(raw)
        return
    except msgspec.ValidationError as error:
        message = str(error)
    inner = _inner_faults(raw, _bare(type_), pointer)
    first = next(inner, None)
    if first is not None:
        yield first
        yield from inner
        return
    # the value as a whole, or what only the decoder saw: a name given twice, the values of a dict
    detail, steps, hint = _read(message, type_)
    for step in steps:
        pointer = below(pointer, step)
    yield FieldError("invalid", detail, pointer=pointer, hint=hint)


def _inner_faults(raw: Any, type_: Any, pointer: str) -> Iterator[FieldError]:
    """Of the members of an object, or the items of a list; none where it is neither."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        try:
            members = _decoder(dict[str, Raw]).decode(raw)
        except msgspec.ValidationError:
            return
        yield from _member_faults(members, type_, pointer)
    elif get_origin(type_) in (list, tuple):
        try:
            items = _decoder(list[Raw]).decode(raw)
        except msgspec.ValidationError:
            return
        for index, item in enumerate(items[:MOST_ITEMS]):
            yield from _faults(item, get_args(type_)[0], below(pointer, index))


def _member_faults(
    members: Mapping[str, Raw], type_: type[msgspec.Struct], pointer: str
) -> Iterator[FieldError]:
    known = {field.encode_name: field for field in fields(type_)}
    if type_.__struct_config__.forbid_unknown_fields:
        for name in members:
            if name not in known:
                at, hint = below(pointer, name[:100]), _nearest(name, known)
                yield FieldError("unknown-field", "no such field", pointer=at, hint=hint)
    for name, field in known.items():
        at = below(pointer, name)
        if name in members:
            yield from _faults(members[name], field.type, at)
        elif field.required:
            yield FieldError("required", "this field is required", pointer=at)


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _bare(type_: Any) -> Any:
    """Without metadata, null and what says that nothing was said."""
    if get_origin(type_) is Annotated:
        return _bare(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        others = [one for one in get_args(type_) if one not in (NoneType, UnsetType)]
        return _bare(others[0]) if len(others) == 1 else type_
    return type_


def _read(message: str, type_: Any) -> tuple[str, list[str], str]:
    """msgspec's message as detail, steps and hint: its words name types and bounds, never the value.

    `[...]`, its word for any key, ends the steps.
    """
    place = _PLACE.search(message)
    steps = []
    for name, index in _STEP.findall(place["path"] if place else ""):
        if index == "...":
            break
        steps.append(name or index)
    detail = message[: place.start()] if place else message
    if detail.startswith(_OF_A_FORM):
        blank = detail.endswith(repr(r"\S"))
        return ("it may not be blank", steps, "") if blank else (detail, steps, _example(type_))
    if "datetime" in detail:
        return detail, steps, INSTANT
    if not detail.startswith("Invalid enum value"):
        return detail, steps, ""
    known = ", ".join(_choices(_bare(type_)))
    return "not one of the known values", steps, f"known: {known}" if known else ""


def _example(type_: Any) -> str:
    """What its type gives as an example, as advice."""
    for one in (type_, *get_args(type_)):
        for said in getattr(one, "__metadata__", ()):
            if getattr(said, "examples", None):
                return f"write it like {said.examples[0]}"
    return ""


def _choices(type_: Any) -> list[str]:
    if get_origin(type_) is list:  # of a parameter that may be repeated
        return _choices(_bare(get_args(type_)[0]))
    if get_origin(type_) in (Union, UnionType):  # one of them, or a list
        return _choices(_bare(get_args(type_)[0]))
    if get_origin(type_) is Literal:
        return sorted(str(value) for value in get_args(type_))
    return [str(member.value) for member in getattr(type_, "__members__", {}).values()]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name[:100], list(known), n=1, cutoff=0.5)
    return f"did you mean `{near[0]}`?" if near else ""
