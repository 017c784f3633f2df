"""What reads bytes of strangers, as functions that no bytes may break: they raise for what must not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from api.callback_tokens import CallbackTokens
from api.decoding import decode_body
from api.imports.columns import match_columns
from api.imports.framing import Framer
from api.imports.rows import Reading, read_block
from api.imports.unpacking import MAX_RATIO, PIECE, RATIO_FROM, unpack
from api.problems import Problem
from dialer.providers.webhook_wire import Report
from dialer.signing import ID, SIGNATURE, TIMESTAMP, verify
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.errors import ImportRefused
from scheduler.ledger.keys import parse_key
from scheduler.public_ids import PublicIds

MAX = 200
NOW_S = 1_781_632_800
KEY = b"k" * 32
IDS, TOKENS = PublicIds(KEY), CallbackTokens(KEY)
TABLE = Reading(match_columns(("Phone", "Name", "Time Zone", "Notes")), ",", max_cell=64, max_record=MAX)
LINES = Reading(None, None, max_cell=64, max_record=MAX)


def _framed(pieces: Sequence[bytes], delimiter: str | None) -> Framer:
    framer = Framer(max_record=MAX, delimiter=delimiter)
    for piece in pieces:
        framer.feed(piece)
    framer.finish()
    return framer


def _rows(data: bytes, reading: Reading) -> None:
    """Each record is one entry or one fault or blank, however the bytes arrive."""
    framer = _framed([data], reading.delimiter)
    cut = len(data) // 2
    again = _framed([data[:cut], data[cut : cut + 1], data[cut + 1 :]], reading.delimiter)
    assert (again.records, again.lines) == (framer.records, framer.lines)
    assert framer.lines == sorted(set(framer.lines))
    rows = read_block(reading, framer.records, framer.lines)
    told = [*rows.lines, *(bad.line for bad in rows.bad)]
    assert len(told) == len(set(told))
    assert set(told) <= set(framer.lines)
    assert len(rows.entries) == len(rows.lines)


def csv(data: bytes) -> None:
    _rows(b"Phone,Name,Time Zone,Notes\n" + data, TABLE)


def ndjson(data: bytes) -> None:
    _rows(data, LINES)


def gzip(data: bytes) -> None:
    """Refused, or never more than the limits allow."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 61):
            yield data[at : at + 61]

    async def run() -> None:
        size = 0
        async for piece in unpack(pieces()):
            size += len(piece)
            assert len(piece) <= max(PIECE, len(data))
            assert size <= max(RATIO_FROM, len(data) * MAX_RATIO)

    try:
        asyncio.run(run())
    except ImportRefused:
        return


def phone(data: bytes) -> None:
    """Plain E.164 that stays itself, or BadNumber."""
    try:
        found = normalize(data.decode("utf-8", "surrogatepass"), "US" if len(data) % 2 else "GB")
    except (BadNumber, UnicodeDecodeError):
        return
    assert found.isascii()
    assert found[0] == "+"
    assert found[1:].isdigit()
    assert normalize(found) == found


def ids(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    number = IDS.read("lead", text)
    assert number is None or IDS.write("lead", number) == text
    assert IDS.unseal("cur", "name", text) is None
    assert TOKENS.read(text) is None
    assert parse_key(text) is None


def signature(data: bytes) -> None:
    """What we never signed is never ours."""
    parts = (data.decode("utf-8", "surrogateescape") + "\n\n\n").split("\n", 3)
    headers = dict(zip((ID, TIMESTAMP, SIGNATURE), parts, strict=False))
    assert not verify([KEY], headers, parts[3].encode("utf-8", "surrogateescape"), NOW_S)


def report(data: bytes) -> None:
    with suppress(Problem):
        decode_body(data, Report)


READERS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "csv": (csv, [b'+12125550123,"a ""b""",America/Denver,x\r\n"open,\n,,,\n']),
    "ndjson": (ndjson, [b'{"phone":"+12125550123","tags":["a"],"variables":{"x":[1]}}\n"\\ud800"\n']),
    "gzip": (gzip, [bytes.fromhex("1f8b0800000000000003cbcd5448e502008b1d1f1c04000000"), b"phone\n"]),
    "phone": (phone, [b"+1 (212) 555-0123", b"020 7946 0958"]),
    "ids": (ids, [b"lead_0000000000000", b"cur_0000000000000.AAAA", b"dw_test_0_0"]),
    "signature": (signature, [f"msg_1\n{NOW_S}\nv1,AAAA v1,BBBB\n{{}}".encode()]),
    "report": (
        report,
        [b'{"provider_call_id":"r","event_id":"e","status":"busy","at":"2026-06-16T18:00:00Z"}'],
    ),
}
"""By name: the function, and what the fuzzer begins with."""
