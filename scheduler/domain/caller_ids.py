"""Caller ids: which number a call goes out under, and how many more calls a pool of numbers has today.

Each number has a daily cap, and may be given a rest. A pool is spent when none of its numbers has anything
left; which of them may be used at all depends on its strategy.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.domain.jitter import draw
from scheduler.domain.time import Ms

FIXED = "fixed"
SPENT = "every caller id of the agent's pool has made its calls of the day, or rests"
"""What people read of a call that waits for a number."""


class CallerId(msgspec.Struct):
    """An active number of a pool on one day; `left` and `used` change as calls are given to it."""

    caller_id_id: int
    phone: str
    region: str | None
    left: int
    used: int
    rest_until_ms: Ms | None = None

    def take(self) -> None:
        """One more call goes out under this number."""
        self.left -= 1
        self.used += 1


class Caller(msgspec.Struct, frozen=True):
    """Who is called, as far as the choice of a number goes. `seed`, `lead_key`, `run` and `number` are what
    every draw derives from; `last` is the number that this lead saw last."""

    phone: str
    regions: tuple[str, ...]
    lead_key: str
    run: int
    number: int
    seed: int
    last: str | None = None


class Budget(msgspec.Struct, frozen=True):
    """How many more calls a pool has, and when that changes by itself: a rest or the day is over."""

    left: int
    renews_at_ms: Ms


def budget(strategy: str, pool: Sequence[CallerId], now_ms: Ms, day_ends_ms: Ms) -> Budget:
    """`pool`: its active numbers in the pool's order."""
    numbers = _of_strategy(strategy, pool)
    resting = [number for number in numbers if number.left > 0 and not _rested(number, now_ms)]
    return Budget(
        left=sum(number.left for number in numbers if _rested(number, now_ms)),
        renews_at_ms=min([day_ends_ms, *(number.rest_until_ms or 0 for number in resting)]),
    )


def choose(strategy: str, pool: Sequence[CallerId], caller: Caller, now_ms: Ms) -> CallerId | None:
    """The number for this call, None when no number of the pool has anything left now.

    random: any of them, by the attempt's own draw. rotate: the one used least today. sticky: the one that the
    lead saw last. local: one of the lead's area code, else of its region. fixed: the pool's first, no other.
    What sticky and local cannot have, rotates.
    """
    usable = [
        number for number in _of_strategy(strategy, pool) if number.left > 0 and _rested(number, now_ms)
    ]
    if not usable:
        return None
    if strategy == "random":
        fraction = draw(caller.seed, caller.lead_key, caller.run, caller.number, "caller_id")
        return usable[int(fraction * len(usable))]
    if strategy == "sticky":
        usable = [number for number in usable if number.phone == caller.last] or usable
    elif strategy == "local":
        usable = (
            [number for number in usable if _same_area(number.phone, caller.phone)]
            or [number for number in usable if number.region in caller.regions]
            or usable
        )
    return min(usable, key=_used)


def _of_strategy(strategy: str, pool: Sequence[CallerId]) -> Sequence[CallerId]:
    return pool[:1] if strategy == FIXED else pool


def _rested(number: CallerId, now_ms: Ms) -> bool:
    return number.rest_until_ms is None or number.rest_until_ms <= now_ms


def _same_area(one: str, other: str) -> bool:
    """North America: +1 and three digits."""
    return one.startswith("+1") and one[:5] == other[:5]


def _used(number: CallerId) -> int:
    return number.used
