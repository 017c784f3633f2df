"""Spreading the first touches of a batch evenly over the open time of its leads.

Each lead has a position in [0, 1) that follows from its number in the batch alone, so volume is even before
the total is known. The position counts along open time only: nobody's turn falls into closed hours.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from scheduler.domain.calendars import Calendar
from scheduler.domain.model import Why
from scheduler.domain.placement import ROOM, SEARCH
from scheduler.domain.strategies.intervals import wait_text
from scheduler.domain.time import SECOND, Ms

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
_BITS = (1 << 64) - 1


class Spread(msgspec.Struct, frozen=True):
    """When the first touches of a batch are: not before `start_at_ms`, and over `over_ms` of open time from
    then on, or from now where that is later; 0 puts all of them at the beginning."""

    start_at_ms: Ms | None = None
    over_ms: Ms = 0

    def from_ms(self, now_ms: Ms) -> Ms:
        """Where the stretch begins for leads that come in now."""
        return now_ms if self.start_at_ms is None else max(now_ms, self.start_at_ms)

    def text(self, now_ms: Ms) -> str:
        """What `why[]` says of it; empty where it puts nothing off."""
        parts = []
        if self.from_ms(now_ms) > now_ms:
            parts.append("the batch starts then")
        if self.over_ms:
            parts.append(f"spread over {wait_text(self.over_ms // SECOND)} of open time of the batch")
        return "; ".join(parts)


class Stretch(msgspec.Struct, frozen=True):
    """A part of a walk: `before_ms` of open time lie before `from_ms`, `length_ms` from there on, and the
    hours go on until `open_until_ms`."""

    from_ms: Ms
    length_ms: Ms
    before_ms: Ms
    open_until_ms: Ms


class Walk:
    """Open time as one line without gaps, `length_ms` long: less than was asked for where the next 30 days
    have no more. Every instant on it has room for a call before its hours end."""

    __slots__ = ("_befores", "length_ms", "stretches")

    def __init__(self, stretches: tuple[Stretch, ...]) -> None:
        self.stretches = stretches
        self.length_ms = sum(stretch.length_ms for stretch in stretches)
        self._befores = [stretch.before_ms for stretch in stretches]

    def at(self, position: float) -> Ms | None:
        """The instant at `position` in [0, 1); None without any open time."""
        if not self.stretches:
            return None
        into_ms = int(position * self.length_ms)
        stretch = self.stretches[bisect_right(self._befores, into_ms) - 1]
        return stretch.from_ms + into_ms - stretch.before_ms


def walk(calendar: Calendar, from_ms: Ms, over_ms: Ms) -> Walk:
    """The first `over_ms` of the calendar's open time from `from_ms` on; one instant at least."""
    stretches: list[Stretch] = []
    at_ms, left_ms, walked_ms = from_ms, max(1, over_ms), 0
    while left_ms:
        found = calendar.open.first(at_ms, from_ms + SEARCH, ROOM)
        if found is None:
            break
        start_ms, _, end_ms = found
        length_ms = min(left_ms, end_ms - ROOM + 1 - start_ms)
        stretches.append(Stretch(start_ms, length_ms, walked_ms, end_ms))
        walked_ms += length_ms
        left_ms -= length_ms
        at_ms = end_ms
    return Walk(tuple(stretches))


def position(ordinal: int) -> float:
    """Where the lead of this number lies in [0, 1): multiples of the golden ratio without their whole part.

    Any run of numbers leaves gaps of three lengths at most, the longest less than three times the shortest,
    and any part of the line gets its share to within a few leads.
    Source: the three-distance theorem (V. T. Sos, 1958).
    """
    return (ordinal * _GOLDEN & _BITS) / 18446744073709553665.0


def told(why: tuple[Why, ...], from_ms: Ms, at_ms: Ms, text: str) -> tuple[Why, ...]:
    """`why[]` of a first attempt that its batch put off from one instant to the other: after the strategy's
    own line, which wished for the former."""
    wish, *rest = why
    first = Why(wish.rule, wish.effect, wish.from_at, from_ms, wish.detail, wish.ref)
    return (first, Why("throttle", "moved", from_ms, at_ms, text), *rest)
