"""Instants at which somebody is to be called: still to come, and within a year."""

from __future__ import annotations

from datetime import datetime

from api.instants import sensible
from api.problems import invalid
from scheduler.domain.time import DAY, MINUTE, Ms
from scheduler.ledger.instants import to_ms

BEHIND_MS: Ms = 5 * MINUTE
"""Clocks of others may be so far behind ours: an instant that has just passed is now."""

AHEAD_MS: Ms = 366 * DAY
"""Nobody is promised a call later than that."""


def coming(at: datetime, now_ms: Ms) -> Ms:
    """Raises Problem 422 at `/at` for any other."""
    if not sensible(at) or not now_ms - BEHIND_MS <= to_ms(at) <= now_ms + AHEAD_MS:
        raise invalid("/at", "out-of-range", "an instant from now to a year ahead")
    return to_ms(at)
