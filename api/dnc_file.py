"""Files of numbers: a number a line, CSV with a column for it, or NDJSON."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from api.arriving import chunks_of
from api.imports.framing import Framer
from api.problems import Problem
from api.spreadsheets import from_text
from scheduler.domain.numbers import BadNumber, normalize

TYPES = ("text/csv", "text/plain", "application/x-ndjson")
_COLUMNS = frozenset({"phone", "phone number", "number", "mobile", "telephone", "phone_number"})


class Numbered(msgspec.Struct, frozen=True):
    """One line: its number in E.164, or why it holds none."""

    row: int
    phone: str | None
    code: str = ""


class Lines:
    """Reads lines. The first one may be a header; then its column counts, else the first one does."""

    def __init__(self, *, ndjson: bool) -> None:
        self._ndjson = ndjson
        self._column: int | None = None
        self._begun = False

    def read(self, row: int, line: bytes) -> Numbered | None:
        """None: the header."""
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
        said = value.get("phone") if isinstance(value, dict) else value
        return said[:64] if isinstance(said, str) else None

    def _cell(self, text: str) -> str | None:
        delimiter = next((each for each in (";", "\t", ",") if each in text), ",")
        try:
            cells = next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            cells = [text]
        if not self._begun:
            self._begun = True
            names = [cell.strip().lower() for cell in cells]
            found = [at for at, name in enumerate(names) if name in _COLUMNS]
            if found:
                self._column = found[0]
                return None
        at = self._column or 0
        return from_text(cells[at].strip())[:64] if at < len(cells) else ""


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
