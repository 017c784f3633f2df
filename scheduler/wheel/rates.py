"""Allowances of API callers: one count for all processes, on the wheel's server."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.wheel.client import our_errors
from scheduler.wheel.keys import checked_word
from scheduler.wheel.scripts import run
from scheduler.wheel.wheel import TimingWheel

SHARD = 0
"""Every installation has it."""


class Allowance(msgspec.Struct, frozen=True):
    """Of one caller, by a name that tells nobody who it is: requests at once, and how many in a minute."""

    name: str
    per_min: int

    @property
    def interval_us(self) -> int:
        return max(1, 60_000_000 // self.per_min)


class Taken(msgspec.Struct, frozen=True):
    """`left`: what the caller with least may still send at once; `again_us`: until it may send the next one
    where nothing was taken, until all is given back where something was."""

    count: int
    left: int
    again_us: int


async def take(wheel: TimingWheel, allowances: Sequence[Allowance], most: int, wall_ms: int) -> Taken:
    """Take up to `most` requests out of each. Raises ServerUnavailable."""
    args: list[object] = [wall_ms * 1000, most]
    for allowance in allowances:
        args += [checked_word(allowance.name), allowance.per_min, allowance.interval_us]
    with our_errors():
        count, left, again_us = await run(wheel._servers, "rate", SHARD, args)
    return Taken(int(count), int(left), int(again_us))
