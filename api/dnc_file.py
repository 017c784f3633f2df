"""Files of numbers: a number a line, CSV with a column for it, or NDJSON."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from api.arriving import chunks_of
from api.imports.columns import field_of
from api.imports.framing import Framer
from api.imports.sniffing import SAVE_AS
from api.problems import Problem
from api.spreadsheets import from_text
from scheduler.domain.numbers import BadNumber, normalize

TYPES = ("text/csv", "text/plain", "application/x-ndjson")
MOST = 20
"""Phones of a line that are looked at."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Numbered(msgspec.Struct, frozen=True):
    """One line: its numbers in E.164, and of one that could not be read why."""

    row: int
    phones: tuple[str, ...] = ()
    code: str = ""


class Lines:
    """Reads lines. The first one may be a header, whose columns of phones count then, all of them; else those
    do that have a number in it.

    Nobody's "never call me" is passed over: a file of which no column can be told from the others is refused.
    """

    def __init__(self, *, ndjson: bool) -> None:
        self._ndjson = ndjson
        self._columns: list[int] = []
        self._begun = False

    def read(self, row: int, line: bytes) -> Numbered | None:
        """None: the header. Raises Problem for a file of which no line could be read."""
        if row == 1 and line.startswith(UTF_16):
            raise Problem("malformed-body", "the file is in UTF-16: only UTF-8 is read", hint=SAVE_AS)
        try:
            text = line.decode("utf-8-sig" if row == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            return Numbered(row, code="encoding")
        said = self._json(text) if self._ndjson else self._cells(text)
        if said is None:
            return None if not self._ndjson else Numbered(row, code="malformed-row")
        found, code = list[str](), ""
        for number in [each for each in said if each][:MOST] or [""]:
            try:
                found.append(normalize(number))
            except BadNumber as error:
                code = error.code
        return Numbered(row, tuple(found), code)

    def _json(self, text: str) -> list[str] | None:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        values = [value]
        if isinstance(value, dict):
            values = [of for name, of in value.items() if _is_phone_column(name)]
        return [of[:64] for of in values if isinstance(of, str)] or None

    def _cells(self, text: str) -> list[str] | None:
        delimiter = next((each for each in (";", "\t", ",") if each in text), ",")
        try:
            cells = next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            cells = [text]
        if not self._begun:
            self._begun = True
            self._columns = [at for at, name in enumerate(cells) if _is_phone_column(name)]
            if self._columns:
                return None
            self._columns = [at for at, cell in enumerate(cells) if _is_phone(cell)]
            if not self._columns and len(cells) > 1:
                raise Problem(
                    "validation-failed",
                    "the file has no phone column",
                    hint="call its column Phone in the first line, or send one number a line",
                )
        return [from_text(cells[at].strip())[:64] for at in self._columns or [0] if at < len(cells)]


def _is_phone_column(name: str) -> bool:
    return name.strip().lower() == "number" or field_of(name) == "phone"


def _is_phone(cell: str) -> bool:
    try:
        normalize(from_text(cell.strip())[:64])
    except BadNumber:
        return False
    return True


async def numbers_of(
    request: web.Request, *, group: int, max_line: int, least_bytes_per_s: int
) -> AsyncIterator[list[Numbered]]:
    """The body's lines in groups, while they arrive. Raises Problem 400 or 415."""
    if request.content_type not in TYPES or request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem("unsupported-media-type", f"send {', '.join(TYPES)}, not compressed")
    framer = Framer(max_record=max_line)
    lines = Lines(ndjson=request.content_type == "application/x-ndjson")
    kept: list[Numbered] = []
    try:
        chunks = chunks_of(request, least_bytes_per_s)
        while True:
            chunk = await anext(chunks, b"")
            framer.feed(chunk) if chunk else framer.finish()
            block = framer.take(len(framer.records))
            for row, line in zip(block.lines, block.records, strict=True):
                if len(line) > max_line:
                    kept.append(Numbered(row, code="cell-too-large"))
                elif (read := lines.read(row, line)) is not None:
                    kept.append(read)
            while len(kept) >= group:
                yield kept[:group]
                kept = kept[group:]
            if not chunk:
                break
    except (TimeoutError, web.RequestPayloadError):
        raise Problem("malformed-body", "the file broke off; what came before is in force") from None
    if kept:
        yield kept
