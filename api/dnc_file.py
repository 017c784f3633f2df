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
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Numbered(msgspec.Struct, frozen=True):
    """One line: its number in E.164, or why it holds none."""

    row: int
    phone: str | None
    code: str = ""


class Lines:
    """Reads lines. The first one may be a header, whose column counts then; else the column of its number
    does. Of several columns one has to be told from the others: nobody's "never call me" is passed over."""

    def __init__(self, *, ndjson: bool) -> None:
        self._ndjson = ndjson
        self._column: int | None = None
        self._begun = False

    def read(self, row: int, line: bytes) -> Numbered | None:
        """None: the header. Raises Problem for a file of which no line could be read."""
        if row == 1 and line.startswith(UTF_16):
            raise Problem("malformed-body", "the file is in UTF-16: only UTF-8 is read", hint=SAVE_AS)
        try:
            text = line.decode("utf-8-sig" if row == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            return Numbered(row, None, "encoding")
        said = self._json(text) if self._ndjson else self._cell(text)
        if said is None:
            return None if not self._ndjson else Numbered(row, None, "malformed-row")
        try:
            return Numbered(row, normalize(said))
        except BadNumber as error:
            return Numbered(row, None, error.code)

    def _json(self, text: str) -> str | None:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        if isinstance(value, dict):
            value = next((of for name, of in value.items() if _is_phone_column(name)), None)
        return value[:64] if isinstance(value, str) else None

    def _cell(self, text: str) -> str | None:
        delimiter = next((each for each in (";", "\t", ",") if each in text), ",")
        try:
            cells = next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            cells = [text]
        if not self._begun:
            self._begun = True
            self._column = next((at for at, name in enumerate(cells) if _is_phone_column(name)), None)
            if self._column is not None:
                return None
            self._column = next((at for at, cell in enumerate(cells) if _is_phone(cell)), None)
            if self._column is None and len(cells) > 1:
                raise Problem(
                    "validation-failed",
                    "the file has no phone column",
                    hint="call its column Phone in the first line, or send one number a line",
                )
        at = self._column or 0
        return from_text(cells[at].strip())[:64] if at < len(cells) else ""


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
                    kept.append(Numbered(row, None, "cell-too-large"))
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
