"""Defined intervals: a wait after each attempt, the last one repeating.

Waits count from the real call, so one that was moved into a later slot moves what comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.domain.case import Case
from scheduler.domain.model import AttemptKind, Why
from scheduler.domain.placement import Wish
from scheduler.domain.time import SECOND
from scheduler.errors import SettingsError

SHORTEST_S, LONGEST_S = 60, 90 * 86_400
MOST_ENTRIES = 50


def intervals(case: Case) -> Iterator[Wish]:
    """The next attempt after its wait; after an error not sooner than 15 minutes. Raises ValueError where the
    policy has no waits."""
    if not case.policy.intervals_s:
        raise ValueError("intervals are empty")
    if not case.loop.history:
        yield case.first_wish()
        return
    number = len(case.loop.history)
    wait_s = case.policy.intervals_s[min(number, len(case.policy.intervals_s)) - 1]
    at_ms = max(case.loop.history[-1] + wait_s * SECOND, case.retry_ms)
    text = f"{wait_text(wait_s)} after attempt {number}"
    if case.failed:
        text += "; after an error 15 min at least"
    yield Wish(
        at_ms, AttemptKind.CADENCE, case.loop.step, Why("strategy", "set", None, at_ms, text, "intervals")
    )


def check_intervals(waits_s: Sequence[int]) -> None:
    """Raises SettingsError for intervals that nobody may set."""
    if not 1 <= len(waits_s) <= MOST_ENTRIES:
        raise SettingsError(
            f"{len(waits_s)} intervals", "each is the wait after one attempt", f"write 1 to {MOST_ENTRIES}"
        )
    for wait_s in waits_s:
        if not SHORTEST_S <= wait_s <= LONGEST_S:
            raise SettingsError(
                f"an interval of {wait_s} s",
                "waits are seconds between two attempts",
                f"write {SHORTEST_S} to {LONGEST_S} (60 s to 90 days)",
            )


def wait_text(wait_s: int) -> str:
    """90 min as 1 h 30 min, 172800 s as 2 d."""
    parts = []
    for unit, size_s in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, wait_s = divmod(wait_s, size_s)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
