"""Public ids of a list's parameters as the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.public_ids import PublicIds


def ids_of(ids: PublicIds, prefix: str, said: Sequence[str] | None) -> list[int] | None:
    """None where nothing was asked for; an empty list where nobody has any of them."""
    if said is None:
        return None
    return [number for text in said if (number := ids.read(prefix, text)) is not None]
