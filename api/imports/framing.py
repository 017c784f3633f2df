"""Bytes into records: whole lines, of CSV whole quoted cells, in bounded memory.

A line ends with LF, CR LF or CR. In CSV a line with an odd number of quotes may go on in the next one; where
no sound record comes of that within the length limit, the line stands alone as a broken row and reading goes
on with the very next line, so that an open quote never swallows the file.
"""

from __future__ import annotations

import csv

import msgspec

QUOTE = b'"'
LINE_ENDS = b"\r\n"


class Block(msgspec.Struct, frozen=True):
    """Records in file order, and the number of each one's first line."""

    records: list[bytes]
    lines: list[int]


class Framer:
    """Fed with chunks, collects `records` without line ends, and in `lines` the first line number of each.

    `delimiter` None: each line is a record (NDJSON). In CSV the first record is the header: a record that
    spans lines is sound only if it has as many cells. Of a line longer than `max_record` bytes the beginning
    is kept, one byte more than allowed. Blank lines are left out.
    """

    def __init__(self, *, max_record: int, delimiter: str | None = None) -> None:
        self.records: list[bytes] = []
        self.lines: list[int] = []
        self.cells = 0
        self._max_record = max_record
        self._delimiter = delimiter
        self._line = 1
        self._rest = b""
        self._too_long = b""
        self._after_cr = False
        self._open: list[bytes] = []
        self._open_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file, which may be none."""
        if not chunk:
            return
        if self._after_cr:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if self._too_long:
            chunk = self._end_of_too_long(chunk)
        lines = (self._rest + chunk).splitlines(keepends=True)
        self._rest = b""
        if lines and lines[-1][-1] not in LINE_ENDS:
            self._rest = lines.pop()
        elif lines and lines[-1].endswith(b"\r"):
            self._after_cr = True  # an LF that comes next belongs to it
        for line in lines:
            self._take(line)
        if len(self._rest) > self._max_record:
            self._too_long, self._rest = self._rest[: self._max_record + 1], b""

    def finish(self) -> None:
        """The file is over: what is unfinished is as whole as it gets."""
        last = self._rest or self._too_long
        self._rest = self._too_long = b""
        if last:
            self._take(last)
        self._give_up_open()

    @property
    def next_line(self) -> int:
        """The first line that is in no record yet."""
        return self._line

    def take(self, count: int) -> Block:
        """Hand over the first `count` records, fewer if there are not so many."""
        block = Block(self.records[:count], self.lines[:count])
        del self.records[:count], self.lines[:count]
        return block

    def _end_of_too_long(self, chunk: bytes) -> bytes:
        """What follows the line that is too long; empty while it goes on."""
        line = chunk.splitlines(keepends=True)[0] if chunk else b""
        if not line or line[-1] not in LINE_ENDS:
            return b""
        self._take(self._too_long)
        self._too_long = b""
        self._after_cr = line.endswith(b"\r") and len(line) == len(chunk)
        return chunk[len(line) :]

    def _take(self, line: bytes) -> None:
        if self._delimiter is None or not (self._open or line.count(QUOTE) & 1):
            self._keep(line, 1)
        elif self._open or not self._is_sound(line):  # else the odd quote is inside an unquoted cell
            self._extend(line)
        else:
            self._keep(line, 1)

    def _extend(self, line: bytes) -> None:
        """`line` opens a cell that goes on in the next line, or it follows such a one."""
        self._open.append(line)
        self._open_bytes += len(line)
        if len(self._open) > 1 and line.count(QUOTE) & 1:
            record = b"".join(self._open)
            if self._is_sound(record):
                opened = len(self._open)
                self._open, self._open_bytes = [], 0
                self._keep(record, opened)
            else:
                self._give_up_open()
        elif self._open_bytes > self._max_record:
            self._give_up_open()

    def _give_up_open(self) -> None:
        """Let the first open line stand alone and read the ones after it again: their quotes are even, but
        for the last, which may open a cell in its turn."""
        lines, self._open, self._open_bytes = self._open, [], 0
        if lines:
            self._keep(lines[0], 1)
        for line in lines[1:]:
            self._take(line)

    def _keep(self, record: bytes, lines: int) -> None:
        record = record.rstrip(LINE_ENDS)
        if record:
            if not self.cells and self._delimiter is not None:
                header = parse_record(record.decode("utf-8", "replace"), self._delimiter)
                self.cells = len(header) if header else 1
            self.records.append(record)
            self.lines.append(self._line)
        self._line += lines

    def _is_sound(self, record: bytes) -> bool:
        cells = parse_record(record.decode("utf-8", "replace"), self._delimiter or ",")
        return cells is not None and self.cells in (0, len(cells))


def parse_record(record: str, delimiter: str) -> list[str] | None:
    """The cells of one CSV record, or None if its quotes are out of order."""
    try:
        rows = list(csv.reader([record], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
