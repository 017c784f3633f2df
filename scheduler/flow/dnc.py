"""Many phones at once that are never called again: as an opt-out, in groups, with one wait at the end.

Each group goes as one opt-out does (see `opt_out`): its suppression is committed first, then its leads are
locked and their loops ended, so that an arm either came before and is seen, or comes after and is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.flow.context import Flow
from scheduler.flow.news import Gathered, of_status
from scheduler.flow.opt_out import MARGIN, HangUp
from scheduler.ledger import dnc
from scheduler.ledger.audit import Actor, write_audit
from scheduler.ledger.contention import in_transaction
from scheduler.ledger.database import Connection, Database, Row
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.news import tell_all, tell_ended, tell_suppressed

log = structlog.get_logger()

GROUP = 5000
"""Phones in one transaction: their leads are locked for some tens of milliseconds."""

RINGING = frozenset({"accepted", "unknown", "ringing"})


class Listing:
    """Puts groups of phones on a list, or on record as people's own word where `list_id` is None. After
    `finish` nobody calls any of them."""

    def __init__(
        self,
        flow: Flow,
        clock: Clock,
        hang_up: HangUp,
        *,
        account_id: int,
        list_id: int | None,
        reason: str,
        source: str,
        actor: Actor,
        permit_s: float,
    ) -> None:
        self.added = 0
        self.entered = 0
        self.ended = 0
        self._flow = flow
        self._clock = clock
        self._hang_up = hang_up
        self._account_id = account_id
        self._list_id = list_id
        self._reason = reason
        self._source = source
        self._actor = actor
        self._permit_s = permit_s
        self._live: list[int] = []
        self._until_s = 0.0

    async def put(self, phones: Sequence[str]) -> None:
        """A group of at most `GROUP`, in E.164. Raises ServerUnavailable: then the group may be in or not,
        and sending it again goes on."""
        now_ms = self._clock.now_ms()
        done = await in_transaction(self._flow.database, lambda on: self._suppress(phones, now_ms, on))
        self.added += done.added
        self.entered += done.entered
        ended, live = await in_transaction(self._flow.database, lambda on: self._end(phones, now_ms, on))
        whos = [self._flow.lead_key(None, phone) for phone in phones]
        await self._flow.standing.opted_out(self._account_id, whos, now_ms)
        self.ended += len(ended)
        self._live += [row["lead_id"] for row in live]
        if any(row["state"] == "armed" for row in live):
            self._until_s = self._clock.monotonic_s() + self._permit_s * MARGIN
        try:
            placed = [(row["shard"], row["lane_id"], row["loop_id"]) for row in ended]
            await self._flow.wheel.withdraw(placed, now_ms)
        except DialwheelError as error:  # the wheel may hand them out: the arm refuses
            log.warning("loops_not_withdrawn", loops=len(ended), why=error.what)

    async def finish(self) -> None:
        """Wait for permits that were given before, and end what rings by them."""
        left_s = self._until_s - self._clock.monotonic_s()
        if left_s > 0:
            await asyncio.sleep(left_s)
        if not self._live:
            return
        rows = await self._flow.database.fetch("dnc_live", self._live)
        calls = [r["provider_call_id"] for r in rows if r["state"] in RINGING and r["provider_call_id"]]
        if calls:
            await self._hang_up(calls)

    async def _suppress(self, phones: Sequence[str], now_ms: Ms, on: Connection) -> dnc.Suppressed:
        done = await dnc.suppress(
            self._flow.database,
            on,
            self._account_id,
            phones,
            reason=self._reason,
            source=self._source,
            list_id=self._list_id,
            now_ms=now_ms,
        )
        whom = [(self._account_id, phone) for phone in phones]
        await tell_suppressed(self._flow.database, whom, now_ms, on)
        if done.added or done.entered:
            await write_audit(
                self._flow.database,
                on,
                account_id=self._account_id,
                actor=self._actor,
                action="phones_suppressed",
                object_="dnc_list" if self._list_id is None else f"dnc_list:{self._list_id}",
                before=None,
                after={"added": done.added, "entered": done.entered, "source": self._source},
                now_ms=now_ms,
            )
        return done

    async def _end(self, phones: Sequence[str], now_ms: Ms, on: Connection) -> tuple[list[Row], list[Row]]:
        database = self._flow.database
        leads = await database.fetch("dnc_lock", self._account_id, list(phones), on=on)
        lead_ids = [row["lead_id"] for row in leads]
        if not lead_ids:
            return [], []
        ended = await database.fetch("dnc_end", lead_ids, to_datetime(now_ms), on=on)
        await tell_ended(database, [row["loop_id"] for row in ended], now_ms, on)
        return ended, await database.fetch("dnc_live", lead_ids, on=on)


@asynccontextmanager
async def letting_back(
    database: Database, on: Connection, account_id: int, phones: Sequence[str], now_ms: Ms
) -> AsyncIterator[None]:
    """What is done within lifts suppressions of phones: leads behind them that nothing suppresses any more
    may be called again, by every way alike. They are locked first, as an opt-out in a call does it."""
    await database.fetch("dnc_lock", account_id, list(phones), on=on)
    yield
    back = await database.fetch("dnc_let_back", account_id, list(phones), to_datetime(now_ms), on=on)
    told = Gathered()
    for row in back:
        of_status(told, row, "opted_out", row["status"])
    await tell_all(database, told.news(), now_ms, on)
