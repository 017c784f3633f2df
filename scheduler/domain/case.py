"""One question to the planner, with what every strategy asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from scheduler.domain.calendars import Calendar
from scheduler.domain.dayparts import index_at, rotation
from scheduler.domain.jitter import draw
from scheduler.domain.localtime import day_of, minute_of
from scheduler.domain.model import AttemptKind, Ended, Lead, Loop, Outcome, Policy, Result, Why
from scheduler.domain.placement import Limits, Wish
from scheduler.domain.time import MINUTE, Ms

ERROR_WAIT: Ms = 15 * MINUTE
"""At least this long after an attempt that failed by error."""


class Case(msgspec.Struct, frozen=True, gc=False):
    """A loop whose next attempt is looked for: after `last`, or its first when nothing was dialled yet."""

    loop: Loop
    policy: Policy
    lead: Lead
    last: Result | None
    calendar: Calendar
    limits: Limits

    @property
    def ended_ms(self) -> Ms:
        """When the last attempt was over, as far as that is known."""
        dialled_ms = self.loop.history[-1]
        return max(dialled_ms, self.last.ended_at_ms) if self.last else dialled_ms

    @property
    def failed(self) -> bool:
        """Whether the last attempt ended in an error."""
        return self.last is not None and self.last.outcome is Outcome.ERROR

    @property
    def retry_ms(self) -> Ms:
        """No attempt before this: an error is given time to pass."""
        return self.ended_ms + (ERROR_WAIT if self.failed else 0)

    def day_of(self, at_ms: Ms) -> int:
        """The date where the lead is."""
        return day_of(self.calendar.zone, at_ms)

    def parts(self) -> tuple[int, ...]:
        """Dayparts, the one tried least first."""
        zone = self.calendar.zone
        return rotation([index_at(minute_of(zone, at_ms)) for at_ms in self.loop.history])

    def fraction(self, purpose: str) -> float:
        """This attempt's draw in [0, 1) for a purpose of the strategy's own."""
        loop = self.loop
        return draw(self.policy.seed, self.lead.key, loop.run, len(loop.history) + 1, purpose)

    def first_wish(self) -> Wish:
        """The first attempt of any strategy: at once."""
        at_ms = self.loop.started_at_ms
        return Wish(at_ms, AttemptKind.FIRST, self.loop.step, at_once(self.policy, at_ms))


def at_once(policy: Policy, at_ms: Ms) -> Why:
    """The line that tells of a first attempt."""
    return Why("strategy", "set", None, at_ms, "first attempt, at once", policy.strategy)


Strategy: TypeAlias = Callable[[Case], Iterator[Wish | Why | Ended]]
"""Wishes for the next attempt, best first: the planner takes the first that can be met. A line of `why[]`
between them says what was passed over; an end says that nothing is left to wish for."""
