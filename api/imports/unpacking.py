"""The bytes of a file as they were before gzip, one member, with running limits."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator

from scheduler.errors import ImportRefused

GZIP = b"\x1f\x8b"
MAX_RATIO = 50
"""Lead files shrink five to twenty times; what shrinks more is made to be a bomb."""

RATIO_FROM = 1 << 20
"""Bytes of output from which the ratio counts: small files of one repeated row are harmless."""

PIECE = 1 << 18
"""Bytes unpacked at a time."""


async def unpack(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The chunks, unpacked if the first bytes say gzip. Raises ImportRefused for a bomb or a damaged file."""
    first = b""
    unpacker = None
    packed = unpacked = 0
    async for chunk in chunks:
        if unpacker is None:
            if len(first) < len(GZIP):
                first += chunk
                if len(first) < len(GZIP):
                    continue
                chunk = first
                if first.startswith(GZIP):
                    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            if unpacker is None:
                yield chunk
                continue
        packed += len(chunk)
        piece = b""
        while chunk or len(piece) == PIECE:
            if unpacker.eof and chunk:
                raise _broken("it has something after its end", "pack it again as one file")
            try:
                piece = unpacker.decompress(chunk, PIECE)
            except zlib.error as error:
                raise _broken("its packing is damaged", "pack it again") from error
            unpacked += len(piece)
            if unpacked > RATIO_FROM and unpacked > packed * MAX_RATIO:
                raise _broken(f"it is more than {MAX_RATIO} times as long unpacked", "send it unpacked")
            if piece:
                yield piece
            chunk = unpacker.unconsumed_tail or unpacker.unused_data
    if unpacker is None and first and len(first) < len(GZIP):
        yield first
    if unpacker is not None and not unpacker.eof:
        raise _broken("it ends too early", "send it again")


def _broken(why: str, do: str) -> ImportRefused:
    return ImportRefused("malformed-body", "the gzip file cannot be read", why, do)
