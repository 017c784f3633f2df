"""Which leads of a file came already: eight bytes each, so that a million rows cost eight megabytes."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left

BUCKETS = 4096


class Seen:
    """A set of 64-bit numbers in sorted buckets. Phones are kept exactly, external ids as hashes: of a
    million of them two collide once in thirty million files."""

    def __init__(self) -> None:
        self._phones = [array("Q") for _ in range(BUCKETS)]
        self._external_ids: list[array[int]] = []

    def add(self, phone: str, external_id: str | None) -> bool:
        """True if neither came before; both are kept then."""
        number = int(phone[1:])
        if external_id is None:
            return _insert(self._phones, number)
        if not self._external_ids:
            self._external_ids = [array("Q") for _ in range(BUCKETS)]
        digest = int.from_bytes(hashlib.blake2b(external_id.encode(), digest_size=8).digest(), "little")
        if _holds(self._phones, number) or _holds(self._external_ids, digest):
            return False
        return _insert(self._phones, number) and _insert(self._external_ids, digest)


def _insert(buckets: list[array[int]], number: int) -> bool:
    bucket = buckets[number % len(buckets)]
    at = bisect_left(bucket, number)
    if at < len(bucket) and bucket[at] == number:
        return False
    bucket.insert(at, number)
    return True


def _holds(buckets: list[array[int]], number: int) -> bool:
    bucket = buckets[number % len(buckets)]
    at = bisect_left(bucket, number)
    return at < len(bucket) and bucket[at] == number
