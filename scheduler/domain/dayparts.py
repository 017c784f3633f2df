"""Morning, afternoon, evening: attempts rotate over them in the time of the person called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scheduler.domain.model import Range


class Daypart(NamedTuple):
    """A part of the local day."""

    name: str
    hours: Range


MORNING = Daypart("morning", Range(8 * 60, 12 * 60))
AFTERNOON = Daypart("afternoon", Range(12 * 60, 17 * 60))
EVENING = Daypart("evening", Range(17 * 60, 21 * 60))
DAYPARTS = (MORNING, AFTERNOON, EVENING)


def index_at(minute: int) -> int:
    """Which daypart a call at this local minute tried: earlier counts as morning, later as evening."""
    if minute < AFTERNOON.hours.start_min:
        return 0
    return 1 if minute < EVENING.hours.start_min else 2


def rotation(tried: Sequence[int]) -> tuple[int, ...]:
    """All dayparts, best first: least tried; ties in the order of the day, from the one after the last tried.

    `tried` holds the daypart of each attempt so far, oldest first.
    """
    last = tried[-1] if tried else 2
    return tuple(sorted(range(3), key=lambda index: (tried.count(index), (index - last - 1) % 3)))
