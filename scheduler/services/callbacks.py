"""The time of callbacks comes: they are due, and it is told."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.ledger.callbacks import due_callbacks
from scheduler.ledger.database import Database

AT_ONCE = 500


class DueCallbacks:
    """Looks at an index of callbacks that are still to come; several share the work."""

    name = "due-callbacks"
    period_s = 1.0

    def __init__(self, database: Database) -> None:
        self._database = database

    async def step(self, now_ms: Ms) -> None:
        while await due_callbacks(self._database, now_ms, most=AT_ONCE) == AT_ONCE:
            continue
