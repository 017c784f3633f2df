"""What this process knows of its ledger, for the arm to hold against it, and the port to its journal.

Everything committed before a beat that was seen is there for ever; so is what this process armed since. An
arm asks for both in its own transaction: a ledger that lacks one of them was put back to an earlier state,
and gives no permit, whoever has noticed so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from scheduler.domain.time import Ms


class Mark(msgspec.Struct):
    """An attempt that this process armed. `beat`: the one seen since, 0 for none: the next beat covers it."""

    attempt_id: int
    loop_id: int
    beat: int = 0


class OptOuts(Protocol):
    """Where an opt-out is kept outside of the ledger, on disk before it is answered."""

    async def opted_out(self, account_id: int, whos: Sequence[str], now_ms: Ms) -> None:
        """`whos`: keyed hashes of phones. Raises ServerUnavailable when they cannot be kept."""
        ...


class Standing:
    """Of one process. `seen_beat`: the highest that was heard of; `quarantined`: no permits are given, and
    `why`; `owes`: the ledger has yet to be told of people who were called or opted out."""

    def __init__(self) -> None:
        self.seen_beat = 0
        self.mark: Mark | None = None
        self.quarantined = False
        self.why = ""
        self.owes = False
        self.journal: OptOuts | None = None

    async def opted_out(self, account_id: int, whos: Sequence[str], now_ms: Ms) -> None:
        """Keep them outside of the ledger, where this process has a journal. Raises ServerUnavailable."""
        if self.journal is not None:
            await self.journal.opted_out(account_id, whos, now_ms)

    def armed(self, attempt_id: int, loop_id: int) -> None:
        """The arm of this attempt was answered: its commit is on disk."""
        self.mark = Mark(attempt_id, loop_id)

    def marked(self) -> tuple[int, int]:
        """The attempt that the ledger must have, and its loop; (0, 0) for none."""
        return (0, 0) if self.mark is None else (self.mark.attempt_id, self.mark.loop_id)

    def saw(self, beat: int, *, mark: Mark | None, beaten: bool) -> None:
        """The ledger had this beat and `mark`. What was marked before a beat of our own, or before the second
        that we saw of others, is covered by it."""
        self.seen_beat = max(self.seen_beat, beat)
        if mark is None or self.mark is not mark:
            return
        if beaten or (mark.beat and beat > mark.beat):
            self.mark = None
        elif not mark.beat:
            mark.beat = beat
