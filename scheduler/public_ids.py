"""Public ids: a prefix and an opaque string made from the ledger's bigint with the installation's key.

The string is a permutation of the 64-bit number (four rounds of a Feistel network over keyed blake2b),
another one for each prefix: ids tell neither how many there are nor in which order they were made, and no
lookup table is needed to read them back. This hides, it does not protect: every statement still asks for the
account.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u to misread."""

LENGTH = 13
"""Characters that hold 64 bits."""

LARGEST = (1 << 48) - 1
"""More rows than any table will hold. The sixteen bits above it give away what was made up."""

_PAIRS = [one + other for one in ALPHABET for other in ALPHABET]
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_HALF = 0xFFFF_FFFF
_ROUNDS = (b"\x00", b"\x01", b"\x02", b"\x03")


class PublicIds:
    """Writes and reads the public ids of one installation. `key`: at most 64 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._rounds: dict[str, tuple[hashlib.blake2b, ...]] = {}

    def write(self, prefix: str, number: int) -> str:
        """`write("lead", 7)` is `lead_` and thirteen characters. Numbers from 1 to `LARGEST`."""
        if not 0 < number <= LARGEST:
            raise ValueError("no number of a row")
        left, right = number >> 32, number & _HALF
        for round_ in self._rounds_of(prefix):
            left, right = right, left ^ _mix(round_, right)
        return f"{prefix}_{_spell(left << 32 | right)}"

    def write_or_none(self, prefix: str, number: int | None) -> str | None:
        return None if number is None else self.write(prefix, number)

    def read(self, prefix: str, text: str) -> int | None:
        """The number, or None for anything that `write` never made under this key and prefix."""
        head, separator, tail = text.partition("_")
        if head != prefix or not separator:
            return None
        block = _unspell(tail)
        if block is None:
            return None
        left, right = block >> 32, block & _HALF
        for round_ in reversed(self._rounds_of(prefix)):
            left, right = right ^ _mix(round_, left), left
        number = left << 32 | right
        return number if 0 < number <= LARGEST else None

    def digest(self, prefix: str, *parts: str | int) -> str:
        """An id for what has no number: a keyed hash of `parts`, which cannot be read back."""
        said = b"\x1f".join(str(part).encode() for part in parts)
        hashed = hashlib.blake2b(said, digest_size=8, key=self._key, person=prefix.encode()).digest()
        return f"{prefix}_{_spell(int.from_bytes(hashed, 'big'))}"

    def seal(self, prefix: str, what: str, body: bytes) -> str:
        """`body` as a text that nobody else can read or change, good for the same `what` alone."""
        mark = self.digest(prefix, what, body.hex())
        return f"{mark}.{urlsafe_b64encode(self._veiled(mark, body)).decode().rstrip('=')}"

    def unseal(self, prefix: str, what: str, text: str) -> bytes | None:
        """The body, or None for anything that `seal` never made under this key for `what`."""
        mark, _, veiled = text.partition(".")
        try:
            body = self._veiled(mark, urlsafe_b64decode(veiled + "=" * (-len(veiled) % 4)))
        except ValueError:  # no base64, or not even ASCII
            return None
        right = self.seal(prefix, what, body).encode()  # compared in the same time wherever they differ
        return body if hmac.compare_digest(right, text.encode("utf-8", "surrogatepass")) else None

    def _veiled(self, mark: str, body: bytes) -> bytes:
        """Laid over with bytes that the key and the mark make, or bared of them: twice is as it was. No two
        bodies have the same mark but by chance, so none tells of another."""
        made = bytearray()
        while len(made) < len(body):
            said = f"{mark}.{len(made)}".encode()
            made += hashlib.blake2b(said, key=self._key, person=b"veil").digest()
        return bytes(one ^ over for one, over in zip(body, made, strict=False))

    def _rounds_of(self, prefix: str) -> tuple[hashlib.blake2b, ...]:
        """Of a kind of ids, ready to hash a half: copying one is cheaper than setting it up."""
        rounds = self._rounds.get(prefix)
        if rounds is None:
            rounds = self._rounds[prefix] = tuple(
                hashlib.blake2b(digest_size=4, key=self._key, salt=salt, person=prefix.encode())
                for salt in _ROUNDS
            )
        return rounds


def _mix(round_: hashlib.blake2b, half: int) -> int:
    hashed = round_.copy()
    hashed.update(half.to_bytes(4, "big"))
    return int.from_bytes(hashed.digest(), "big")


def _spell(block: int) -> str:
    pairs = [_PAIRS[block >> shift & 1023] for shift in range(50, -1, -10)]
    return ALPHABET[block >> 60] + "".join(pairs)


def _unspell(text: str) -> int | None:
    if len(text) != LENGTH:
        return None
    block = 0
    for character in text:
        value = _VALUES.get(character)
        if value is None:
            return None
        block = block << 5 | value
    return block if block < 1 << 64 else None
