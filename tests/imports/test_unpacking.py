"""F31, RELIABILITY 5.2: a file is unpacked as it was packed or refused, and no line of any length is held."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator

from hypothesis import given, settings
from hypothesis import strategies as st

from api.imports.framing import Framer
from api.imports.unpacking import GZIP, MAX_RATIO, RATIO_FROM, unpack
from scheduler.errors import ImportRefused

MIB = 1 << 20


def unpacked(data: bytes, sizes: list[int]) -> bytes | None:
    """What comes out of `data` in pieces of these sizes; None when it is refused."""

    async def pieces() -> AsyncIterator[bytes]:
        at = 0
        for size in sizes:
            if data[at : at + size]:
                yield data[at : at + size]
            at += size
        if data[at:]:
            yield data[at:]

    async def run() -> bytes:
        return b"".join([piece async for piece in unpack(pieces())])

    try:
        return asyncio.run(run())
    except ImportRefused:
        return None


sizes = st.lists(st.integers(1, 50), max_size=20)


@given(data=st.binary(max_size=300), sizes=sizes, level=st.integers(0, 9))
@settings(deadline=None)
def test_a_file_comes_out_as_it_was_packed_however_it_arrives(data: bytes, sizes: list[int], level: int):
    assert unpacked(gzip.compress(data, level), sizes) == data
    if not data.startswith(GZIP):
        assert unpacked(data, sizes) == data


@given(data=st.binary(max_size=300), sizes=sizes, at=st.integers(0, 400), flip=st.integers(1, 255))
@settings(deadline=None)
def test_a_packed_file_with_a_changed_byte_is_refused_or_says_the_same(
    data: bytes, sizes: list[int], at: int, flip: int
):
    """What the header says of name, time and system is no part of the file."""
    packed = bytearray(gzip.compress(data, mtime=0))
    packed[at % len(packed)] ^= flip
    found = unpacked(bytes(packed), sizes)

    assert found in (None, data, bytes(packed))
    assert found != bytes(packed) or packed[:2] != GZIP


@given(data=st.binary(max_size=200), sizes=sizes)
@settings(deadline=None)
def test_whatever_says_that_it_is_packed_is_refused_or_unpacked(data: bytes, sizes: list[int]):
    found = unpacked(GZIP + data, sizes)

    assert found is None or len(found) <= max(RATIO_FROM, len(data) * MAX_RATIO)


def test_many_small_members_are_refused_at_the_second():
    """CVE-2026-128131: unpacked one after the other they cost quadratic time."""
    small = gzip.compress(b"1\n", mtime=0)

    assert unpacked(small * 100_000, [MIB] * 3) is None


def test_of_a_line_of_five_gigabytes_only_the_beginning_is_held():
    framer = Framer(max_record=65_536, delimiter=",")
    framer.feed(b"Phone\n")
    chunk = b"1" * MIB
    tracemalloc.start()
    try:
        for _ in range(5 * 1024):
            framer.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    framer.feed(b"\n+12125550123\n")

    assert peak < 8 * MIB
    assert [len(record) for record in framer.records] == [5, 65_537, 12]
    assert framer.lines == [1, 2, 3]
