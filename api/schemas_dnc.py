"""Numbers that an account never calls, as they are sent and answered."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import Id, Line, ListQuery
from api.schemas_account import Name

Phone = Annotated[str, Meta(max_length=64)]


class DncIn(msgspec.Struct, forbid_unknown_fields=True):
    """Without `list_id` it is the person's own word, which outlives every list."""

    phone: Phone
    reason: Line = ""
    list_id: Id | None = None


class DncChange(msgspec.Struct, forbid_unknown_fields=True):
    reason: Line


class EntriesQuery(ListQuery, forbid_unknown_fields=True):
    """`list_id`: that this list has."""

    list_id: Id | None = None


class DncEntry(msgspec.Struct):
    """A phone that this account never calls. `list_ids`: the lists that have it; `own_word`: whether it stays
    when they are gone."""

    id: str
    object: str
    created_at: str
    updated_at: str
    phone: str
    reason: str
    source: str
    own_word: bool
    list_ids: list[str]


class AddedEntry(DncEntry):
    """`effective_at`: since when it is certain that nobody calls."""

    effective_at: str


class DncListIn(msgspec.Struct, forbid_unknown_fields=True):
    """`source`: where its numbers are from."""

    name: Name
    source: Line = ""


class DncListChange(msgspec.Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    source: Line | UnsetType = UNSET


class DncList(msgspec.Struct):
    id: str
    object: str
    created_at: str
    updated_at: str
    name: str
    source: str
    entries: int


class CheckIn(msgspec.Struct, forbid_unknown_fields=True):
    phones: Annotated[list[Phone], Meta(min_length=1, max_length=1000)]


class Checked(msgspec.Struct):
    """Of one number that was asked for, as it was written. `phone` null: it is none; `blocked`: it is never
    called."""

    asked: str
    phone: str | None
    blocked: bool
    entry_id: str | None
    own_word: bool
    list_ids: list[str]


class CheckResult(msgspec.Struct):
    """In the order in which they were asked for."""

    data: list[Checked]
    blocked: int


class DncImportQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`list_id`: the list that they go on; without it or a name: their own word. `name`: of a list, made if
    there is none. `reason`: kept with each entry."""

    list_id: Id | None = None
    name: Name | None = None
    reason: Line = ""


class DncRejected(msgspec.Struct):
    row: int
    code: str


class DncImported(msgspec.Struct):
    """`added`: not suppressed before; `entered`: new on the list; `ended_loops`: who was being followed up.
    `errors`: the first hundred rows that hold no number."""

    list_id: str | None
    rows: int
    added: int
    entered: int
    rejected: int
    ended_loops: int
    effective_at: str
    errors: list[DncRejected]
