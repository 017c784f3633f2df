"""What a guard is: where it stands, how it is taken out, and which tests must notice."""

from __future__ import annotations

import msgspec


class Patch(msgspec.Struct, frozen=True):
    """In the file `path` (from the repository's root) `old`, which stands there once, becomes `new`."""

    path: str
    old: str
    new: str


class Guard(msgspec.Struct, frozen=True):
    """`holds`: what it keeps true. `tests`: the smallest set of which one must fail without it. `also`: kinds
    of exceptions that count as noticing, besides failed assertions."""

    holds: str
    patches: tuple[Patch, ...]
    tests: tuple[str, ...]
    also: tuple[str, ...] = ()


def cut(path: str, old: str, new: str = "") -> tuple[Patch, ...]:
    """One place to be changed."""
    return (Patch(path, old, new),)
