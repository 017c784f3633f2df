"""Records into entries: each cell checked, each fault named with its line, column and code.

Pure work on one block; it runs in the import's worker processes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeGuard

import msgspec

from api.imports.columns import FIELDS, IGNORE, VARIABLE, Columns, field_of
from api.imports.framing import parse_record
from api.instants import sensible
from api.lead_entries import consent_text, entry_of_record
from api.requests_leads import ConsentIn
from api.spreadsheets import from_text
from scheduler.domain.model import Priority
from scheduler.domain.time import Ms
from scheduler.flow.entries import BadField, Entry, EntryOrBad, read_entry
from scheduler.ledger.instants import to_ms

MAX_DEPTH = 8
"""Levels that the JSON of one row may be nested."""

KEPT_OF_A_CELL = 1024
"""Characters of each cell that the file of rejected rows keeps."""

NDJSON_COLUMN = "line"
"""The one column that a rejected NDJSON row has in the file of rejected rows."""

_TAG_ENDS = re.compile(r"[,;|]")


class Reading(msgspec.Struct, frozen=True):
    """How the rows of one file are read. `columns` and `delimiter` None: NDJSON, of whose keys `mapping` says
    what they are, as `columns` does of a CSV's. `consent` is JSON for rows that state none, `region` too.
    `max_cell` and `max_record` are bytes. `bodies`: lines are bodies of POST /v1/leads, and nothing else."""

    columns: Columns | None
    delimiter: str | None
    mapping: dict[str, str] = {}
    consent: str | None = None
    region: str | None = None
    country: str = "US"
    priority: Priority = Priority.BULK
    max_cell: int = 8192
    max_record: int = 65_536
    bodies: bool = False


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot come in. `line`: its first line in the file; `cells` as they came, each cut."""

    line: int
    column: str
    code: str
    detail: str
    cells: list[str]
    value: str = ""


class Rows(msgspec.Struct):
    """What a block held: good rows with their lines, and bad ones."""

    lines: list[int]
    entries: list[Entry]
    bad: list[BadRow]


def read_block(reading: Reading, records: Sequence[bytes], lines: Sequence[int]) -> Rows:
    """Read the records of one block, in order."""
    rows = Rows([], [], [])
    for line, record, found in _read(reading, records, lines):
        if isinstance(found, Entry):
            rows.lines.append(line)
            rows.entries.append(found)
        elif found is not None:
            rows.bad.append(bad_row(reading, line, record, found))
    return rows


def bad_row(reading: Reading, line: int, record: bytes, fault: BadField) -> BadRow:
    """The fault with its row as it came. A fault's field becomes the column that the file has it in."""
    cells = _cells_as_they_came(reading, record)
    columns = reading.columns
    value = ""
    column = fault.field
    if columns is not None and fault.field:
        column = columns.name_of(fault.field, cells)
        at = columns.place_of(fault.field, cells)
        value = cells[at] if at is not None and at < len(cells) else ""
    return BadRow(line, column, fault.code, fault.detail, cells, value)


def _read(
    reading: Reading, records: Sequence[bytes], lines: Sequence[int]
) -> Iterator[tuple[int, bytes, EntryOrBad | None]]:
    if reading.columns is None:
        for line, record in zip(lines, records, strict=True):
            fault = _bytes_fault(reading, record)
            if fault is None and reading.bodies:
                yield line, record, entry_of_record(record)
            else:
                yield line, record, fault or _read_json(reading, record)
        return
    tables = _parse_all(reading, records)
    for at, (line, record) in enumerate(zip(lines, records, strict=True)):
        fault = _bytes_fault(reading, record)
        if fault is not None:
            yield line, record, fault
            continue
        cells = tables[at] if tables is not None else parse_record(record.decode(), reading.delimiter or ",")
        yield line, record, _read_cells(reading, reading.columns, record, cells)


def _parse_all(reading: Reading, records: Sequence[bytes]) -> list[list[str]] | None:
    """The cells of every record at once; None where one of them is broken, and each is parsed alone."""
    try:
        texts = [record.decode() for record in records]
        rows = list(csv.reader(texts, delimiter=reading.delimiter or ",", strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows if len(rows) == len(records) else None


def _bytes_fault(reading: Reading, record: bytes) -> BadField | None:
    if len(record) > reading.max_record:
        return BadField("malformed-row", "", f"a row has {reading.max_record} bytes at most")
    if b"\0" in record:
        return BadField("nul", "", "the row has a NUL byte")
    if record.isascii():
        return None
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return BadField("encoding", "", f"byte {error.start + 1} of the row is not UTF-8")
    return None


def _read_cells(
    reading: Reading, columns: Columns, record: bytes, cells: list[str] | None
) -> EntryOrBad | None:
    if cells is None:
        return BadField("malformed-row", "", "its quotes are out of order")
    expected = len(columns.header)
    if len(cells) != expected:
        if not "".join(cells).strip():
            return None
        if len(cells) < expected or "".join(cells[expected:]).strip():
            return BadField("malformed-row", "", f"it has {len(cells)} cells, the header has {expected}")
    if len(record) > reading.max_cell:
        for at, cell in enumerate(cells):
            if len(cell.encode()) > reading.max_cell:
                column = columns.header[at] if at < expected else ""
                return BadField("cell-too-large", column, f"a cell has {reading.max_cell} bytes at most")
    if b"'" in record:
        cells = [from_text(cell) for cell in cells]
    fields = columns.fields
    values = {field: cells[at].strip() for field, at in fields.items()}
    variables = {name: cell for name, at in columns.variables if (cell := cells[at].strip())}
    found = _read_values(reading, values, variables)
    if len(columns.phones) == 1 or not _lacks_phone(found):
        return found
    phones = [(columns.header[at], cells[at].strip()) for at in columns.phones]
    return _read_by_phones(reading, values, variables, phones)


def _read_json(reading: Reading, record: bytes) -> EntryOrBad | None:
    if not record.strip():
        return None
    try:
        row = msgspec.json.decode(record)
    except (msgspec.DecodeError, RecursionError):
        return BadField("malformed-row", "", "the line is no JSON")
    if not isinstance(row, dict):
        return BadField("malformed-row", "", "the line is no JSON object")
    if b"\\" in record and b"\\u0000" in record and _any_text(row, "\0"):
        return BadField("nul", "", "the row has a NUL character")
    values: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    phones: list[tuple[str, str]] = []
    for key, value in row.items():
        field = _field_of(reading, key)
        if field == IGNORE:
            continue
        if field == "phone" and (type(value) is int or isinstance(value, str)):
            phones.append((key, str(value).strip()))
        if key == "variables" and isinstance(value, dict):
            variables.update(value)
        elif field is None or field in values:
            variables[key] = value
        elif field not in FIELDS:
            variables[field.removeprefix(VARIABLE)] = value
        elif value is not None:
            values[field] = value
    if _depth(variables) > MAX_DEPTH or _depth(values) > MAX_DEPTH:
        return BadField("malformed-row", "", f"its JSON is nested deeper than {MAX_DEPTH} levels")
    for field, value in values.items():
        if isinstance(value, str):
            values[field] = value.strip()
            if len(value.encode()) > reading.max_cell:
                return BadField("cell-too-large", field, f"a cell has {reading.max_cell} bytes at most")
        elif field in ("phone", "external_id") and type(value) is int:
            values[field] = str(value)
        elif not (field == "consent" and isinstance(value, dict)) and not (
            field == "tags" and isinstance(value, list) and all(isinstance(tag, str) for tag in value)
        ):
            return BadField("malformed-row", field, "a text was expected")
    found = _read_values(reading, values, variables)
    if len(phones) < 2 or not _lacks_phone(found):
        return found
    return _read_by_phones(reading, values, variables, phones)


def _field_of(reading: Reading, key: str) -> str | None:
    """What was said of a key goes before the usual names."""
    if reading.mapping and key in reading.mapping:
        return reading.mapping[key]
    field = field_of(key)
    return None if field in reading.mapping.values() else field


def _read_by_phones(
    reading: Reading, values: dict[str, Any], variables: dict[str, Any], phones: Sequence[tuple[str, str]]
) -> EntryOrBad:
    """By the first of a row's phones, under their columns' names, that can be called."""
    faults: list[BadField] = []
    for column, phone in phones:
        found = _read_values(reading, {**values, "phone": phone}, variables)
        if not _lacks_phone(found):
            return found
        faults.append(found)
        if phone:  # what is no number stays with the lead under its column's name
            variables = {column: phone, **variables}
    return next((fault for fault in faults if fault.code != "phone-missing"), faults[0])


def _lacks_phone(found: EntryOrBad) -> TypeGuard[BadField]:
    return isinstance(found, BadField) and found.field == "phone"


def _read_values(reading: Reading, values: dict[str, Any], variables: dict[str, Any]) -> EntryOrBad:
    appointment_at_ms: Ms | None = None
    if said := values.get("appointment_at"):
        appointment_at_ms = _instant(said)
        if appointment_at_ms is None:
            detail = "not an instant with its offset; write it like 2026-07-01T15:00:00Z"
            return BadField("malformed-row", "appointment_at", detail)
    name = values.get("name") or f"{values.get('first_name', '')} {values.get('last_name', '')}".strip()
    consent = values.get("consent") or None
    if consent is not None:
        consent = _basis(consent) if isinstance(consent, str) else _consent(consent)
        if consent is None:
            detail = "a consent has a basis, and if you like captured_at, source and expires_at"
            return BadField("malformed-row", "consent", detail)
    tags = values.get("tags") or ()
    if isinstance(tags, str):
        tags = [tag for part in _TAG_ENDS.split(tags) if (tag := part.strip())]
    return read_entry(
        phone=values.get("phone", ""),
        external_id=values.get("external_id"),
        name=name,
        email=values.get("email", ""),
        timezone=values.get("timezone"),
        region=values.get("region") or reading.region,
        priority=reading.priority,
        appointment_at_ms=appointment_at_ms,
        consent=consent or reading.consent,
        tags=tags,
        variables=variables,
        country=reading.country,
    )


@lru_cache(maxsize=4096)
def _basis(text: str) -> str | None:
    return _consent({"basis": text})


def _consent(said: dict[str, Any]) -> str | None:
    """As it is kept; None for what is none: nobody is called because of words that nobody understands."""
    try:
        consent = msgspec.convert(said, type=ConsentIn)
    except msgspec.ValidationError:
        return None
    given = (consent.captured_at, consent.expires_at)
    return consent_text(consent) if all(at is None or sensible(at) for at in given) else None


@lru_cache(maxsize=4096)
def _instant(text: str) -> Ms | None:
    try:
        at = msgspec.convert(text, type=datetime)
    except msgspec.ValidationError:
        return None
    return to_ms(at) if at.tzinfo is not None and sensible(at) else None


def _any_text(value: Any, wanted: str) -> bool:
    if isinstance(value, str):
        return wanted in value
    if isinstance(value, dict):
        return any(_any_text(key, wanted) or _any_text(item, wanted) for key, item in value.items())
    return isinstance(value, list) and any(_any_text(item, wanted) for item in value)


def _depth(value: Any, level: int = 0) -> int:
    """Levels of nesting, counted no further than one beyond the limit."""
    if level > MAX_DEPTH or not isinstance(value, dict | list) or not value:
        return level
    items = value.values() if isinstance(value, dict) else value
    return max(_depth(item, level + 1) for item in items)


def _cells_as_they_came(reading: Reading, record: bytes) -> list[str]:
    """Unreadable bytes and NULs are replaced, each cell is cut; a broken row is one cell."""
    text = record.decode("utf-8", "replace").replace("\0", "�")
    cells = None if reading.columns is None else parse_record(text, reading.delimiter or ",")
    return [cell[:KEPT_OF_A_CELL] for cell in (cells or [text])]
