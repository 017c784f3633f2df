"""The beginning of a file: what it is and which columns it has, known before anything is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec

from api.imports.columns import Columns, check_mapping, match_columns
from api.imports.framing import Framer, parse_record
from api.imports.sniffing import DELIMITERS, sniff
from api.imports.unpacking import unpack
from api.spreadsheets import from_text
from scheduler.errors import ImportRefused
from scheduler.settings import Settings


class Layout(msgspec.Struct, frozen=True):
    """What the sender says about the file; the rest is told from its first lines.

    `format`: csv or ndjson. `mapping`: column -> field. `region`: of rows that state none, such as US-FL; its
    country is also the one of numbers written without a country code.
    """

    format: str | None = None
    delimiter: str | None = None
    mapping: Mapping[str, str] = {}
    region: str | None = None

    @property
    def country(self) -> str:
        """Of numbers without a country code."""
        country = (self.region or "US").upper().partition("-")[0]
        return country if len(country) == 2 and country.isalpha() else "US"


class Opening(msgspec.Struct):
    """A file that can be imported: its framer holds the first rows. `columns` None: NDJSON."""

    framer: Framer
    columns: Columns | None
    delimiter: str | None
    source: AsyncIterator[bytes]
    size: int


async def open_file(chunks: AsyncIterator[bytes], layout: Layout, settings: Settings) -> Opening:
    """Read up to the first row. Raises ImportRefused if there is none, or no way to read it."""
    source = unpack(chunks)
    head = b""
    async for chunk in source:
        head += chunk
        if len(head) > settings.import_max_line or b"\n" in head.strip() or b"\r" in head.strip():
            break
    size = len(head)
    found = sniff(head, format=layout.format, delimiter=layout.delimiter)
    framer = Framer(max_record=settings.import_max_line, delimiter=found.delimiter)
    framer.feed(head[found.skip :])
    rows_before = 0 if found.delimiter is None else 1
    over = False
    while len(framer.records) <= rows_before and not over:
        chunk = await anext(source, b"")
        size += len(chunk)
        over = not chunk
        if over:
            framer.finish()
        else:
            framer.feed(chunk)
        if len(framer.records) == rows_before == 1 and len(framer.records[0]) > settings.import_max_line:
            break
    if found.delimiter is None:
        columns = None
        check_mapping(layout.mapping)
    else:
        columns = _header(framer, found.delimiter, layout, settings)
    if not framer.records:
        raise ImportRefused(
            "malformed-body",
            "the file has no rows",
            "there is nothing after its header",
            "send one with leads",
        )
    return Opening(framer, columns, found.delimiter, source, size)


def _header(framer: Framer, delimiter: str, layout: Layout, settings: Settings) -> Columns:
    header = framer.take(1).records[0]
    cells = None
    if len(header) <= settings.import_max_line and b"\0" not in header:
        cells = parse_record(header.decode("utf-8", "replace"), delimiter)
    if cells is None or "\ufffd" in "".join(cells):
        raise ImportRefused(
            "malformed-body",
            "the file is no CSV",
            "its first line is no list of column names",
            "begin it with a line such as: Phone,First Name,Last Name",
        )
    if len(cells) > settings.import_max_fields:
        raise ImportRefused(
            "malformed-body",
            "the file has too many columns",
            f"{len(cells)} where {settings.import_max_fields} are allowed",
            "leave out the ones that are not needed",
        )
    if len(cells) == 1 and layout.delimiter is not None and any(mark in cells[0] for mark in DELIMITERS):
        raise ImportRefused(
            "validation-failed",
            "the delimiter does not fit the file",
            f"no {layout.delimiter!r} in its first line",
            "leave it out: it is told from the first line",
            parameter="delimiter",
        )
    return match_columns([from_text(cell) for cell in cells], layout.mapping)
