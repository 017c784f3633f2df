"""I21, F31: each kind of poison at each place of a file is named by its line, and every good row goes in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.imports.builders import Desk, adds_up, csv_file, lead_rows, phone

GOOD = 24
CHUNK_ROWS = 8

PLACES: dict[str, int] = {"first": 0, "middle": 11, "last": GOOD, "end of a chunk": 7, "start of a chunk": 8}

POISON: dict[str, tuple[bytes, str]] = {
    "no phone": (b",x,,", "phone-missing"),
    "a word for a phone": (b"call me,x,,", "phone-invalid"),
    "a short number": (b"555-0100,x,,", "phone-invalid"),
    "five thousand digits": (b"1" * 5000 + b",x,,", "phone-invalid"),
    "digits of another script": ("٢١٢٥٥٥٠١٠٠,x,,".encode(), "phone-invalid"),
    "an emergency number": (b"911,x,,", "phone-invalid"),
    "a premium number": (b"+19005550100,x,,", "phone-invalid"),
    "a letter in the number": (b"+1212555010O,x,,", "phone-invalid"),
    "a zone that is none": (phone(900).encode() + b",x,Mars/Olympus,", "timezone-unknown"),
    "an offset for a zone": (phone(901).encode() + b",x,UTC+5,", "timezone-unknown"),
    "the first row's lead": (phone(0).encode() + b",again,,", "duplicate-in-file"),
    "a forbidden number": (phone(902).encode() + b",x,,", "suppressed"),
    "a cell of 20 kB": (phone(903).encode() + b"," + b"x" * 20_000 + b",,", "cell-too-large"),
    "a line of 100 kB": (phone(904).encode() + b"," + b"x" * 100_000 + b",,", "malformed-row"),
    "a NUL": (phone(905).encode() + b",a\0b,,", "nul"),
    "nothing but NULs": (b"\0\0\0\0", "nul"),
    "Latin-1": (phone(906).encode() + b",Ren\xe9,,", "encoding"),
    "a surrogate": (phone(907).encode() + b",\xed\xa0\x80,,", "encoding"),
    "half a character": (phone(908).encode() + b",\xe2\x82,,", "encoding"),
    "an overlong character": (phone(909).encode() + b",\xc0\xaf,,", "encoding"),
    "too few cells": (phone(910).encode() + b",x", "malformed-row"),
    "too many cells": (phone(911).encode() + b",x,,,,more", "malformed-row"),
    "a quote that stays open": (phone(912).encode() + b',"open,,', "malformed-row"),
    "a quote too many": (phone(913).encode() + b',"a"b",,', "malformed-row"),
    "a quote before text": (phone(914).encode() + b',"a"b,,', "malformed-row"),
    "one quote alone": (b'"', "malformed-row"),
    "a formula": (b"=1+1,x,,", "phone-invalid"),
    "a piece of SQL": (b"'; DROP TABLE lead; --,x,,", "phone-invalid"),
}


@pytest.mark.parametrize("place", PLACES)
async def test_poison_is_named_by_its_line_and_all_good_rows_go_in(desk: Desk, place: str):
    await desk.suppress([phone(902)])
    for n, (kind, (poison, code)) in enumerate(POISON.items()):
        at = PLACES[place]
        if code == "duplicate-in-file":
            at = max(at, 1)
        await desk.rows("TRUNCATE lead, loop")
        lines = [row.encode() for row in lead_rows(GOOD)]
        lines.insert(at, poison)
        data = b"Phone,Name,Time Zone,Notes\n" + b"\n".join(lines) + b"\n"

        totals = await desk.take(data, chunk_rows=CHUNK_ROWS, batch=f"{n}")

        assert desk.errors() == [(at + 2, code)], kind
        assert totals.created == GOOD, kind
        assert totals.rows == GOOD + 1, kind
        assert adds_up(totals), kind
        assert await desk.value("SELECT count(*) FROM lead") == GOOD


ENDS: dict[str, Callable[[bytes], bytes]] = {
    "LF": lambda data: data,
    "CR LF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR": lambda data: data.replace(b"\n", b"\r"),
    "no end": lambda data: data.rstrip(b"\n"),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "blank lines": lambda data: data.replace(b"\n", b"\n\n\r\n"),
    "semicolons": lambda data: data.replace(b",", b";"),
    "tabs": lambda data: data.replace(b",", b"\t"),
    "all quoted": lambda data: b"\n".join(
        b",".join(b'"' + cell + b'"' for cell in line.split(b",")) for line in data.splitlines()
    ),
}


@pytest.mark.parametrize("ends", ENDS)
async def test_a_file_is_the_same_however_its_lines_are_written(desk: Desk, ends: str):
    totals = await desk.take(ENDS[ends](csv_file(lead_rows(20))), chunk_rows=CHUNK_ROWS)

    assert (totals.rows, totals.created) == (20, 20)
    assert await desk.value("SELECT name FROM lead WHERE phone = $1", phone(19)) == "Lead 19"
