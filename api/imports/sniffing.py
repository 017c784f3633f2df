"""What a file is, from its first bytes: CSV by which delimiter, NDJSON, or neither."""

from __future__ import annotations

import msgspec

from scheduler.errors import ImportRefused

DELIMITERS = ",;\t|"
BOM = b"\xef\xbb\xbf"
KNOWN_OTHERS = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"SQLite", "a database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"(\xb5/\xfd", "packed by zstd"),
)
SAVE_AS = "save it as CSV in UTF-8 and send it again"


class Format(msgspec.Struct, frozen=True):
    """`delimiter` None: NDJSON. `skip`: bytes before the first record (a byte order mark)."""

    delimiter: str | None
    skip: int = 0


def sniff(head: bytes, *, format: str | None = None, delimiter: str | None = None) -> Format:
    """Tell from the first line or more. `format`: csv or ndjson where the sender said so.

    Raises ImportRefused for what is empty, in another encoding or not a table of text.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0' or not delimiter.isascii()):
        raise ImportRefused(
            "validation-failed",
            "a delimiter is one character",
            "it separates the cells of a line",
            "use a comma, semicolon, tab or |",
            parameter="delimiter",
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _looks_like_utf16(head):
        raise ImportRefused("malformed-body", "the file is in UTF-16", "only UTF-8 is read", SAVE_AS)
    for magic, what in KNOWN_OTHERS:
        if head.startswith(magic):
            raise ImportRefused("malformed-body", "the file is no CSV", f"it looks like {what}", SAVE_AS)
    skip = len(BOM) if head.startswith(BOM) else 0
    text = head[skip:].lstrip()
    if not text:
        raise ImportRefused(
            "malformed-body", "the file is empty", "there is no line in it", "send a file with a header line"
        )
    if format == "ndjson" or (format is None and text.startswith(b"{")):
        return Format(None, skip)
    line = text.splitlines()[0]
    try:
        first = line.decode()
    except UnicodeDecodeError as error:
        raise ImportRefused(
            "malformed-body", "the file is no CSV in UTF-8", "its first line has other bytes", SAVE_AS
        ) from error
    if any(character < " " and character != "\t" for character in first):
        raise ImportRefused(
            "malformed-body", "the file is no CSV", "its first line has control characters", SAVE_AS
        )
    return Format(delimiter or _most_frequent(first), skip)


def _most_frequent(header: str) -> str:
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _looks_like_utf16(head: bytes) -> bool:
    start = head[:256]
    return len(start) > 3 and (
        start[::2].count(0) > len(start) // 4 or start[1::2].count(0) > len(start) // 4
    )
