"""What a change does to the calls that are planned."""

from __future__ import annotations

import msgspec


class Impact(msgspec.Struct):
    """How many waiting loops move `earlier` or `later`, stay `unchanged`, or go `out` because no time is left
    for them. Of more loops than are `examined` the counts are an estimate from an even sample."""

    earlier: int
    later: int
    unchanged: int
    out: int
    examined: int
    estimated: bool


class ChangeQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`dry_run`: check it, write nothing, and tell what it would do."""

    dry_run: bool = False
