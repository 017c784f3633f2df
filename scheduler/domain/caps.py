"""Rolling caps: at most so many contacts of a person in any stretch of so many seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler.domain.model import Cap
from scheduler.domain.time import MINUTE, SECOND, Ms

MARGIN: Ms = MINUTE
"""Added to every window: a call rings some seconds after it is let go, and clocks differ a little."""


def earliest(contacts: Sequence[Ms], caps: Iterable[Cap], at_ms: Ms) -> tuple[Ms, Cap | None]:
    """First instant at or after `at_ms` at which one more contact keeps every cap, and the cap that decides
    it (None when none does). `contacts` are oldest first."""
    binding = None
    for cap in caps:
        if len(contacts) >= cap.max_calls:
            # the last max_calls contacts fill the cap until the first of them has left its window
            free_ms = contacts[-cap.max_calls] + cap.window_s * SECOND + MARGIN
            if free_ms > at_ms:
                at_ms, binding = free_ms, cap
    return at_ms, binding


def cap_text(cap: Cap) -> str:
    """3 calls in 24 h."""
    calls = f"{cap.max_calls} call" + ("s" if cap.max_calls != 1 else "")
    hours, rest = divmod(cap.window_s, 3600)
    return f"{calls} in {hours} h" if not rest else f"{calls} in {cap.window_s} s"
