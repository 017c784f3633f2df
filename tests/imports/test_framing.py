"""F31, I21: bytes into records, whatever the lines end with, and no quote swallows the file."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.imports.framing import Framer

MAX = 200


def framed(
    data: bytes, *, sizes: list[int] | None = None, delimiter: str | None = ","
) -> list[tuple[int, str]]:
    framer = Framer(max_record=MAX, delimiter=delimiter)
    at = 0
    for size in sizes or []:
        framer.feed(data[at : at + size])
        at += size
    framer.feed(data[at:])
    framer.finish()
    return [
        (line, record.decode("utf-8", "replace"))
        for line, record in zip(framer.lines, framer.records, strict=True)
    ]


@pytest.mark.parametrize(
    "ends", [("\n",) * 3, ("\r\n",) * 3, ("\r",) * 3, ("\r\n", "\n", "\r"), ("\r", "\n", "")]
)
def test_a_line_ends_with_lf_cr_lf_or_cr_and_the_last_one_with_the_file(ends: tuple[str, str, str]):
    if ends == ("\r", "\n", ""):
        data, expected = "a,b\r1,2\n3,4", [(1, "a,b"), (2, "1,2"), (3, "3,4")]
    else:
        data = "".join(line + end for line, end in zip(("a,b", "1,2", "3,4"), ends, strict=True))
        expected = [(1, "a,b"), (2, "1,2"), (3, "3,4")]

    assert framed(data.encode()) == expected


def test_blank_lines_count_as_lines_and_are_no_rows():
    assert framed(b"a,b\n\n\r\n1,2\n") == [(1, "a,b"), (4, "1,2")]


def test_a_quoted_cell_may_hold_line_ends_and_delimiters():
    data = b'a,b\n"one\ntwo\r\nthree",2\n3,"x, ""y"""\n'

    assert framed(data) == [(1, "a,b"), (2, '"one\ntwo\r\nthree",2'), (5, '3,"x, ""y"""')]


def test_an_open_quote_breaks_its_own_row_only():
    data = b'a,b\n"never closed,1\n2,3\n4,5\n'

    assert framed(data) == [(1, "a,b"), (2, '"never closed,1'), (3, "2,3"), (4, "4,5")]


def test_an_open_quote_that_meets_a_quoted_cell_breaks_its_own_row_only():
    data = b'a,b\n"never closed,1\n2,3\n"Smith, John",5\n6,7\n'

    assert [line for line, _ in framed(data)] == [1, 2, 3, 4, 5]


def test_an_open_quote_gives_up_at_the_length_limit_and_loses_no_row():
    rows = [f"{n},x" for n in range(100)]
    data = ("a,b\n" + '"open,1\n' + "".join(f"{row}\n" for row in rows)).encode()

    assert [record for _, record in framed(data)][2:] == rows


def test_a_quote_inside_an_unquoted_cell_is_a_character():
    assert framed(b'a,b\n5" pipe,1\n2,3\n') == [(1, "a,b"), (2, '5" pipe,1'), (3, "2,3")]


def test_of_a_line_without_end_only_the_beginning_is_kept():
    framer = Framer(max_record=MAX, delimiter=",")
    framer.feed(b"a,b\n")
    for _ in range(1000):
        framer.feed(b"x" * 100)
        assert sum(map(len, framer.records)) + len(framer._rest) + len(framer._too_long) <= 4 * MAX
    framer.feed(b"\n1,2\n")
    framer.finish()

    assert framer.records == [b"a,b", b"x" * (MAX + 1), b"1,2"]
    assert framer.lines == [1, 2, 3]


def test_in_ndjson_each_line_is_a_record_whatever_its_quotes():
    assert framed(b'{"a":"x\n{"b":1}\n', delimiter=None) == [(1, '{"a":"x'), (2, '{"b":1}')]


PIECES = st.sampled_from(["a", "1", ",", '"', '""', "\n", "\r", "\r\n", '"a\nb"', " ", "é"])


@given(st.lists(PIECES, max_size=60).map("".join), st.lists(st.integers(0, 9), max_size=40))
@example("a\r\na", [8, 0])
def test_records_do_not_depend_on_how_the_bytes_arrive(text: str, sizes: list[int]):
    data = ("h1,h2\n" + text).encode()

    assert framed(data, sizes=sizes) == framed(data)


@given(
    st.lists(st.lists(st.text('ab,"\n\r ;é', min_size=1, max_size=8), min_size=3, max_size=3), max_size=12)
)
def test_whatever_a_csv_writer_writes_comes_back_row_by_row(table: list[list[str]]):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["a", "b", "c"], *table])

    found = [
        next(csv.reader(io.StringIO(record, newline=""))) for _, record in framed(text.getvalue().encode())
    ]

    assert found == [["a", "b", "c"], *table]


@given(st.lists(PIECES, max_size=80).map("".join))
def test_every_line_with_text_is_in_exactly_one_record(text: str):
    data = ("h1,h2\n" + text).encode()
    lines = data.splitlines()

    found = framed(data)

    starts = [line for line, _ in found]
    assert starts == sorted(set(starts))
    joined = "".join(record for _, record in found)
    for mark in ("a", "1", "é"):
        assert joined.count(mark) == sum(line.decode().count(mark) for line in lines)
