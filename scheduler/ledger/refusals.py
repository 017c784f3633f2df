"""What the ledger's own constraints refuse, in words: a name that is taken, a row that others need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from scheduler.errors import Refused


@contextmanager
def refusing(*, taken: str, in_use: str = "") -> Iterator[None]:
    """Raises Refused in place of a unique index (`state-conflict`, `taken`) or a foreign key (`in-use`).

    Postgres' own message is dropped: its detail shows the row, with the phone. Stands around the transaction.
    """
    try:
        yield
    except asyncpg.UniqueViolationError:
        raise Refused("state-conflict", taken, do="choose another, or change the one that is there") from None
    except asyncpg.ForeignKeyViolationError:
        raise Refused("in-use", in_use, do="take it out of use first") from None
