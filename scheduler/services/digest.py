"""Once a day each account is told how many leads wait for a person of theirs."""

from __future__ import annotations

from collections import Counter

from scheduler.domain.localtime import MINUTES_OF_DAY, day_of, minute_of
from scheduler.domain.time import Ms
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_date
from scheduler.ledger.leads import waiting_leads
from scheduler.ledger.news import tell
from scheduler.ledger.pages import Slice

MOST = 100_000
"""Leads that are counted: nobody has more people to see to them."""


class WaitingDigest:
    """Tells `lead.waiting_digest` from `hour` o'clock on, by the account's own clock, where anybody waits;
    the ledger says who was told today, so that of several processes one does it."""

    name = "waiting-digest"
    period_s = 60.0

    def __init__(self, database: Database, *, hour: int) -> None:
        self._database = database
        self._minute = hour * MINUTES_OF_DAY // 24

    async def step(self, now_ms: Ms) -> None:
        for row in await self._database.fetch("digest_accounts"):
            zone, told_on = row["timezone"], row["waiting_told_on"]
            today = to_date(day_of(zone, now_ms))
            if minute_of(zone, now_ms) >= self._minute and (told_on is None or told_on < today):
                await self._tell(row["account_id"], day_of(zone, now_ms), now_ms)

    async def _tell(self, account_id: int, day: int, now_ms: Ms) -> None:
        waiting = await waiting_leads(self._database, account_id, Slice(MOST), now_ms=now_ms)
        reasons = Counter(row["reason"] for row in waiting)
        async with self._database.transaction() as on:
            if await self._is_ours(account_id, day, on) and waiting:
                await tell(
                    self._database,
                    "lead.waiting_digest",
                    account_id,
                    ids=[account_id],
                    at_ms=now_ms,
                    on=on,
                    extra={"day": to_date(day).isoformat(), "waiting": len(waiting), "reasons": reasons},
                )

    async def _is_ours(self, account_id: int, day: int, on: Connection) -> bool:
        return await self._database.fetch_row("digest_claim", account_id, to_date(day), on=on) is not None
