"""The notary: writes the record of each attempt that is over, in the chain of its account."""

from __future__ import annotations

from scheduler.domain.time import Ms
from scheduler.flow.context import Flow
from scheduler.flow.records import record_ended
from scheduler.ledger.records import begin_chains
from scheduler.public_ids import PublicIds

CHAINS_EVERY_MS: Ms = 10_000


class Notary:
    """Follows the events of each account, so that those who settle write nothing for it. Several share the
    work: a chain goes on in one transaction at a time."""

    name = "notary"

    def __init__(self, flow: Flow, ids: PublicIds, *, period_s: float) -> None:
        self._flow = flow
        self._ids = ids
        self.period_s = period_s
        self._looked_ms: Ms | None = None

    async def step(self, now_ms: Ms) -> None:
        if self._looked_ms is None or abs(now_ms - self._looked_ms) >= CHAINS_EVERY_MS:
            await begin_chains(self._flow.database, now_ms)
            self._looked_ms = now_ms
        while await record_ended(self._flow, self._ids, now_ms):
            continue
