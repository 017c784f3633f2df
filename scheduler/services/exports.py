"""Files that were kept long enough: they hold what people said, and go."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.ledger.database import Database
from scheduler.ledger.exports import purge_exports

AT_ONCE = 10


class OldExports:
    """Looks at an index; several share the work."""

    name = "old-exports"
    period_s = 60.0

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self, now_ms: Ms) -> None:
        while await purge_exports(self._database, now_ms, most=AT_ONCE) == AT_ONCE:
            continue
