"""Which column of a file means what: the usual names, or what the sender says; the rest become variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import msgspec

from scheduler.errors import ImportRefused

ALIASES: dict[str, tuple[str, ...]] = {
    "phone": (
        "phone", "phone number", "phone no", "mobile", "mobile phone", "mobile number", "cell", "cell phone",
        "cellphone", "telephone", "telephone number", "tel", "primary phone", "contact number", "home phone",
        "work phone",
    ),
    "external_id": ("external id", "externalid", "lead id", "contact id", "record id", "crm id", "id"),
    "name": ("name", "full name", "fullname", "lead name", "contact name"),
    "first_name": ("first name", "firstname", "first", "given name", "fname"),
    "last_name": ("last name", "lastname", "last", "surname", "family name", "lname"),
    "email": ("email", "e mail", "email address", "e mail address"),
    "timezone": ("timezone", "time zone", "tz", "iana timezone"),
    "region": ("region", "state", "state code", "province", "state province"),
    "appointment_at": ("appointment at", "appointment", "appointment time"),
    "consent": ("consent", "consent basis"),
    "tags": ("tags", "tag", "labels"),
}  # fmt: skip
"""Fields and the names their columns go by, in lower case with single spaces, the best first."""

FIELDS = tuple(ALIASES)
IGNORE = "ignore"
VARIABLE = "variables."

LEAST_DIGITS = 7
"""A name with so many is a phone number."""


class Columns(msgspec.Struct, frozen=True):
    """The header as it came, the position of each known field, and the other columns as named variables.

    `phones`: where a row's phone is looked for, the first with a number that can be called; all but the first
    are variables as well.
    """

    header: tuple[str, ...]
    fields: dict[str, int]
    variables: tuple[tuple[str, int], ...]
    phones: tuple[int, ...]

    def place_of(self, field: str, cells: Sequence[str]) -> int | None:
        """Where a row has a lead's field; of several phones none of which can be called, the first."""
        said = (at for at in self.phones if at < len(cells) and cells[at].strip()) if field == "phone" else ()
        return next(iter(said), self.fields.get(field))

    def name_of(self, field: str, cells: Sequence[str]) -> str:
        """The column that a row has a lead's field in, as the file calls it."""
        at = self.place_of(field, cells)
        if at is None and field == "name":
            at = self.fields.get("first_name", self.fields.get("last_name"))
        return field if at is None else self.header[at]


def match_columns(header: Sequence[str], mapping: Mapping[str, str] | None = None) -> Columns:
    """Match a header. `mapping` (column -> field) goes before the usual names; its fields are ours,
    `variables.<name>`, or `ignore`.

    Raises ImportRefused where no column holds the phone, or the mapping names what is not there.
    """
    header = tuple(name.strip() for name in header)
    taken: dict[int, str] = {}
    for column, field in check_mapping(mapping or {}).items():
        taken[_position(header, column)] = field
    phones = [at for at, field in taken.items() if field == "phone"]
    for at in phones[1:]:
        del taken[at]
    fields = {field: at for at, field in taken.items() if field in FIELDS}
    plain = [_plain(name) for name in header]
    for field, names in ALIASES.items():
        if field in fields:
            continue
        for at in (plain.index(name) for name in names if name in plain):
            if at not in taken:
                fields[field], taken[at] = at, field
                break
    if "phone" not in fields:
        raise _refused(
            "the file has no phone column",
            header,
            "name one of them Phone, or say which it is: map.<column>=phone",
        )
    return Columns(header, fields, _variables(header, taken), tuple(phones or _phones(plain, taken)))


def _phones(plain: Sequence[str], taken: Mapping[int, str]) -> list[int]:
    """The columns of phones that nothing else is said of, the best name first."""
    free = [
        at for at, name in enumerate(plain) if name in ALIASES["phone"] and taken.get(at, "phone") == "phone"
    ]
    return sorted(free, key=lambda at: ALIASES["phone"].index(plain[at]))


def check_mapping(mapping: Mapping[str, str]) -> Mapping[str, str]:
    """The same. Raises ImportRefused where it names what is no field."""
    for column, field in mapping.items():
        if field not in FIELDS and field != IGNORE and not field.startswith(VARIABLE):
            near = get_close_matches(field, FIELDS, n=1)
            raise ImportRefused(
                "validation-failed",
                f"the column {column!r} is mapped to an unknown field {field!r}",
                f"did you mean {near[0]}?" if near else "the fields are " + ", ".join(FIELDS),
                "map it to one of these, to variables.<name>, or to ignore",
                parameter=f"map.{column}",
            )
    return mapping


def _position(header: tuple[str, ...], column: str) -> int:
    for at, name in enumerate(header):
        if name == column or _plain(name) == _plain(column):
            return at
    raise _refused(
        f"there is no column {column!r}",
        header,
        "write the name as it is in the file's first line",
        parameter=f"map.{column}",
    )


def _refused(what: str, header: tuple[str, ...], do: str, *, parameter: str = "") -> ImportRefused:
    """With the columns that there are; but a row that stands in their place is somebody's, and this text is
    kept and shown to others."""
    if any(sum(map(str.isdigit, name)) >= LEAST_DIGITS or "@" in name for name in header):
        return ImportRefused(
            "validation-failed",
            what,
            "its first line is a row, no list of column names",
            "begin it with a line such as: Phone,First Name,Last Name",
        )
    columns = ", ".join(name[:40] for name in header[:20])
    return ImportRefused("validation-failed", what, f"its columns are: {columns}", do, parameter=parameter)


def _variables(header: tuple[str, ...], taken: Mapping[int, str]) -> tuple[tuple[str, int], ...]:
    """A name for each other column: a second "Notes" is "Notes_2", one without a name "column_5"."""
    found: dict[str, int] = {}
    for at, name in enumerate(header):
        field = taken.get(at, "")
        if field in FIELDS or field == IGNORE:
            continue
        base = field.removeprefix(VARIABLE) or name or f"column_{at + 1}"
        unique, n = base, 1
        while unique in found:
            n += 1
            unique = f"{base}_{n}"
        found[unique] = at
    return tuple(found.items())


def field_of(name: str) -> str | None:
    """The field that a column of this name usually holds."""
    return _BY_ALIAS.get(_plain(name))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()


_BY_ALIAS = {name: field for field, names in ALIASES.items() for name in names}
