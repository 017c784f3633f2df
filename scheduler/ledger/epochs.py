"""The epoch of each shard of the wheel, as the ledger knows it.

A wheel that is lost forgets what it gave out. Claims from before would be armed all the same, and their
calls would hold no slot on the new wheel: more calls at once than a cap allows. So a rebuild writes its epoch
here first, and arms and rebuilds of a shard exclude each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scheduler.ledger.database import Connection, Database

WHEEL_LOCK = 0x6477
"""First half of the advisory locks on shards; the second half is the shard."""


async def lock_leads_of(
    ledger: Database, loop_ids: Sequence[int], shards: Collection[int], on: Connection
) -> None:
    """The first of the arm's two statements: the leads in id order, and no rebuild of these shards until the
    transaction is over."""
    await ledger.fetch("arm_lock", loop_ids, WHEEL_LOCK, list(shards), on=on)


async def begin_epoch(database: Database, shard: int, epoch: str) -> None:
    """Claims of any other epoch are refused from now on; every arm from before has committed."""
    async with database.transaction() as on:
        await database.execute("epoch_write", WHEEL_LOCK, shard, epoch, on=on)
