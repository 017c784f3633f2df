"""Processes that stand still: what they hold at the ledger is taken from them."""

from __future__ import annotations

import structlog

from scheduler.domain.time import Ms
from scheduler.ledger.database import Database
from scheduler.ledger.sessions import cut_frozen

log = structlog.get_logger()


class FrozenSessions:
    """Ends their sessions; a process that comes back opens others, and finds its claims another's."""

    name = "frozen-sessions"

    def __init__(self, database: Database, *, period_s: float, idle_s: float, statement_s: float) -> None:
        self._database = database
        self._idle_s = idle_s
        self._statement_s = statement_s
        self.period_s = period_s

    async def step(self, now_ms: Ms) -> None:
        if cut := await cut_frozen(self._database, idle_s=self._idle_s, statement_s=self._statement_s):
            log.warning("frozen_sessions_cut", sessions=cut)
