"""An arm whose answer was lost: its permits are never used, and what it armed is reported as not sent."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from scheduler.ledger.database import Database
from scheduler.ledger.epochs import lock_leads_of
from scheduler.wheel import Claim


class InDoubt(msgspec.Struct, frozen=True):
    """An attempt that was armed under a permit nobody received."""

    claim: Claim
    attempt_id: int
    permit: UUID


async def armed_in_doubt(ledger: Database, claims: Sequence[Claim], permits: Sequence[UUID]) -> list[InDoubt]:
    """What these permits were given to. An arm of theirs that is still under way is waited for.

    Raises ServerUnavailable while the ledger is away.
    """
    by_loop = {claim.loop_id: claim for claim in claims}
    loop_ids = list(by_loop)
    async with ledger.transaction() as on:
        await lock_leads_of(ledger, loop_ids, {claim.shard for claim in claims}, on)
        rows = await ledger.fetch("arm_in_doubt", loop_ids, list(permits), on=on)
    return [InDoubt(by_loop[row["loop_id"]], row["attempt_id"], row["permit"]) for row in rows]
