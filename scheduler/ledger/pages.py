"""What a list asks for: a page of what was created in a stretch of time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from asyncpg import Range

Created: TypeAlias = Range
"""From an instant, inclusive, until another, exclusive; either may be open."""

EVER = Range()


def created(since: datetime | None, until: datetime | None) -> Created:
    """Empty where it ends before it begins."""
    return (
        Range(empty=True)
        if since is not None and until is not None and until <= since
        else Range(since, until)
    )


def within(when: Created, at: datetime) -> bool:
    """Of what the ledger has no row for."""
    if when.isempty:
        return False
    return (when.lower is None or at >= when.lower) and (when.upper is None or at < when.upper)


class Slice(msgspec.Struct, frozen=True):
    """At most so many rows (None: all), those after the one of that number, in its order."""

    limit: int | None
    after: int | None = None
    descending: bool = False
    created: Created = EVER

    def takes(self, number: int, at: datetime) -> bool:
        """Whether it has what the ledger keeps no row of, with that number, created then."""
        beyond = self.after is None or (number < self.after if self.descending else number > self.after)
        return beyond and within(self.created, at)

    @property
    def values(self) -> tuple[Any, ...]:
        """In the order in which every statement of a page takes them."""
        return self.after, self.descending, self.limit, self.created


ONE = Slice(1)
