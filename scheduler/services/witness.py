"""The witness: what was seen of the ledger, kept outside of it, against what the ledger says now.

Once a second a beat is raised in the ledger and remembered on the wheel and in the journal. A ledger that
lacks a beat which somebody saw, or an attempt that this process armed, or is another store than it was, has
forgotten permits: nothing is armed from then on, and the journal's testimony goes to the ledger until an
operator ends the quarantine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

import structlog

from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.errors import DialwheelError, ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.flow.quarantine import OptOuts
from scheduler.ledger.database import Database
from scheduler.ledger.quarantine import (
    Look,
    Testimony,
    adopt_store,
    begin_quarantine,
    look,
    open_gap,
    see_journal,
    tell,
    told_all,
)
from scheduler.wheel.witness import (
    Witnessed,
    forget_journals,
    journals_witnessed,
    witness,
    witnessed,
)

log = structlog.get_logger()

AGAIN_MS: Ms = 10 * SECOND
"""Once a journal has told all, it tells what came in so long before again: sends were under way."""

SAY_EVERY = 600
"""Beats between two notes in the ledger that a journal is in use."""


GONE_MS: Ms = 31 * DAY
"""A journal that nobody has used for so long belongs to a machine that is gone."""


class Journal(OptOuts, Protocol):
    """The port to the journal of this process; see `dialer/journal.py`."""

    name: str
    beat: tuple[int, Ms]
    broken: bool

    async def note(self, beat: int, now_ms: Ms) -> None: ...

    def told(self, since_ms: Ms) -> AsyncIterator[tuple[str, Ms, list[Testimony]]]: ...


class Witness:
    """One of each process. `installation` names the ledger on the wheel; `failover_safe`: a promoted standby
    that has every beat is the ledger, as it is where commits wait for it. `beats`: or it only looks."""

    name = "witness"

    def __init__(
        self,
        flow: Flow,
        database: Database,
        *,
        installation: str,
        journal: Journal | None,
        period_s: float,
        failover_safe: bool = False,
        beats: bool = True,
    ) -> None:
        self._flow = flow
        self._database = database
        self._installation = installation
        self._journal = journal
        self.period_s = period_s
        self._failover_safe = failover_safe
        self._beats = beats
        self.clocks_agree: Callable[[], bool] = lambda: True
        """A process whose clock is wrong raises no beat: it says up to when a ledger remembers."""
        self._looked = False
        self._seen_at_ms: Ms = 0
        self._said = 0
        self._told: tuple[int, Ms] = (0, 0)  # the quarantine, and up to when the journals have told in it

    def may_arm(self) -> bool:
        """Not before the ledger was looked at, not in quarantine, not while the journal cannot be written."""
        broken = self._journal is not None and self._journal.broken
        return self._looked and not self._flow.standing.quarantined and not broken

    async def step(self, now_ms: Ms) -> None:
        """Look, and beat if all is well. Raises ServerUnavailable: then things are as they were."""
        seen = await self._seen()
        standing = self._flow.standing
        mark = standing.mark
        looked = await self._look(seen, now_ms)
        if looked is None:
            return
        if looked.open is None and (why := await self._what_is_wrong(looked, seen)):
            await self._begin(looked, seen, why, now_ms)
            looked = await self._look(seen, now_ms)
            assert looked is not None
        standing.owes = looked.owes or looked.open is not None
        if looked.open is not None:
            self._stop(looked.open.why)
            await self._testify(now_ms)
        else:
            self._go_on()
            standing.saw(looked.beat, mark=mark, beaten=looked.beaten)
            self._seen_at_ms = now_ms
            await self._spread(looked.beat, now_ms)
        self._looked = True

    async def _seen(self) -> Witnessed:
        """The highest beat that anybody here or on the wheel has seen, and when."""
        try:
            on_wheel = await witnessed(self._flow.wheel, self._installation)
        except DialwheelError:
            on_wheel = Witnessed()
        beat, at_ms = (0, 0) if self._journal is None else self._journal.beat
        return Witnessed(
            max(on_wheel.beat, beat, self._flow.standing.seen_beat),
            max(on_wheel.at_ms, at_ms, self._seen_at_ms),
        )

    async def _look(self, seen: Witnessed, now_ms: Ms) -> Look | None:
        beats = self._beats and self.clocks_agree()
        every_ms = int(self.period_s * SECOND * 0.9) if beats else None
        mark = self._flow.standing.marked()
        return await look(self._database, now_ms=now_ms, every_ms=every_ms, seen_beat=seen.beat, mark=mark)

    async def _what_is_wrong(self, looked: Look, seen: Witnessed) -> str:
        """Empty when the ledger has all that was seen of it."""
        if looked.beat < seen.beat:
            return "it lacks what was seen of it: it was restored from a backup, or its disk lost writes"
        if not looked.knows:
            return "it lacks an attempt that was armed in it"
        if looked.same or (self._failover_safe and await adopt_store(self._database, seen.beat)):
            return ""
        return "it is another server or database than it was, or a standby that was promoted"

    async def _begin(self, looked: Look, seen: Witnessed, why: str, now_ms: Ms) -> None:
        began = await begin_quarantine(
            self._database,
            now_ms=now_ms,
            why=why,
            ledger_at_ms=looked.beat_at_ms,
            seen_at_ms=seen.at_ms or now_ms,
            seen_beat=seen.beat,
        )
        with suppress(ServerUnavailable):  # without the wheel the ledger's own list is all there is
            for name, last_ms in (await journals_witnessed(self._flow.wheel, self._installation)).items():
                await see_journal(self._database, name, last_ms)
        if began:
            log.error("quarantine_began", why=why, beat=looked.beat, seen_beat=seen.beat)

    def _stop(self, why: str) -> None:
        standing = self._flow.standing
        if not standing.quarantined:
            log.error("arming_stopped", why="quarantine", because=why)
            self._flow.forget()
        standing.quarantined, standing.why = True, why
        standing.mark = None  # it was in what the ledger has forgotten

    def _go_on(self) -> None:
        standing = self._flow.standing
        if standing.quarantined:
            log.info("arming_resumed", why="quarantine")
            self._flow.forget()
        standing.quarantined, standing.why = False, ""

    async def _testify(self, now_ms: Ms) -> None:
        """Tell the ledger what it has forgotten; what is still coming in is told at the next steps."""
        gap = await open_gap(self._database)
        if self._journal is None or gap is None:
            return
        since_ms = gap.told_from_ms
        if self._told[0] == gap.quarantine_id:
            since_ms = self._told[1] - AGAIN_MS
        found = 0
        async for name, remembers_ms, chunk in self._journal.told(since_ms):
            if chunk:
                found += len(chunk)
                await tell(self._database, gap.quarantine_id, name, chunk)
            else:
                await told_all(
                    self._database, gap.quarantine_id, name, remembers_from_ms=remembers_ms, now_ms=now_ms
                )
        if self._told[0] != gap.quarantine_id:
            log.info("journals_told", calls_and_opt_outs=found)
        self._told = gap.quarantine_id, now_ms

    async def _spread(self, beat: int, now_ms: Ms) -> None:
        """Tell the others: a store that is away hears of the next one."""
        if not self._beats:
            return
        name = None
        if self._journal is not None:
            name = self._journal.name
            if self._said % SAY_EVERY == 0:
                await see_journal(self._database, name, now_ms)
                await forget_journals(self._flow.wheel, self._installation, now_ms - GONE_MS)
            self._said += 1
            await self._journal.note(beat, now_ms)
        await witness(self._flow.wheel, self._installation, beat, name, now_ms)
