"""A ledger put back to an earlier state: all of its rows as they were, in the same database."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import msgspec

from api.parts import Witnessing, make_dialing
from dialer.journal import open_journal
from scheduler.domain.time import DAY, SECOND, Ms
from scheduler.errors import EpochNotReady
from scheduler.flow.put_back import Repaired, put_back
from scheduler.ledger.database import Database
from scheduler.ledger.quarantine import Gap, end_quarantine, open_gap
from scheduler.services.rebuild import rebuild
from scheduler.services.witness import Witness
from tests.builders import ACTOR, World

_TABLES = (
    "SELECT c.relname FROM pg_class AS c WHERE c.relkind = 'r' AND c.relname <> 'migration'"
    " AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname"
)
_SEQUENCES = (
    "SELECT seqrelid::regclass::text AS name, pg_sequence_last_value(seqrelid::regclass) AS last"
    " FROM pg_sequence JOIN pg_class AS c ON c.oid = seqrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace"
)


class Backup(msgspec.Struct, frozen=True):
    """Rows by table, in the server's own binary form, and where each sequence stood."""

    tables: dict[str, bytes]
    sequences: dict[str, int | None]


async def backup(database: Database) -> Backup:
    tables: dict[str, bytes] = {}
    async with database.connection() as on:
        for row in await on.fetch(_TABLES):
            into = BytesIO()
            await on.copy_from_table(row["relname"], output=into, format="binary")
            tables[row["relname"]] = into.getvalue()
        sequences = {row["name"]: row["last"] for row in await on.fetch(_SEQUENCES)}
    return Backup(tables, sequences)


async def restore(database: Database, kept: Backup) -> None:
    """In one transaction, as a restore with nobody connected is."""
    async with database.transaction() as on:
        await on.execute("SET LOCAL session_replication_role = replica")  # parents and children in any order
        await on.execute(f"TRUNCATE {', '.join(kept.tables)}")
        for name, rows in kept.tables.items():
            await on.copy_to_table(name, source=BytesIO(rows), format="binary")
        for name, last in kept.sequences.items():
            await on.execute("SELECT setval($1::text::regclass, $2, $3)", name, last or 1, last is not None)


class Watched:
    """A world whose ledger is watched, with a journal in `folder`; turns are taken by hand."""

    def __init__(self, world: World, folder: Path, *, failover_safe: bool = False) -> None:
        self.world = world
        self.journal = open_journal(folder, max_bytes=10**8, keep_ms=2 * DAY, new_id=uuid4)
        self.witness = Witness(
            world.flow,
            world.stores.database,
            installation="i",
            journal=self.journal,
            period_s=1.0,
            failover_safe=failover_safe,
        )
        world.flow.standing.journal = self.journal
        world.dialing = make_dialing(
            world.stores, world.provider, None, Witnessing(self.witness, self.journal)
        )

    async def look(self) -> bool:
        """A second later: may somebody be called?"""
        self.world.pass_time(SECOND)
        await self.witness.step(self.world.now_ms)
        return self.witness.may_arm()

    async def dial(self) -> int:
        """A pass of the dialer; it has to learn first where the wheel was built anew."""
        with suppress(EpochNotReady):
            return await self.world.dial()
        return await self.world.dial()

    async def backup(self) -> Backup:
        return await backup(self.world.stores.database)

    async def restore(self, kept: Backup) -> None:
        await restore(self.world.stores.database, kept)

    async def gap(self) -> Gap:
        found = await open_gap(self.world.stores.database)
        assert found is not None, "no quarantine is open"
        return found

    async def reconcile(self, *, hold_until_ms: Ms | None = None) -> Repaired:
        """As an operator does, and a wheel built anew; then permits are given again."""
        world, gap = self.world, await self.gap()
        done = await put_back(
            world.flow, world.clock, gap, ACTOR, provider=world.provider.name, hold_until_ms=hold_until_ms
        )
        await end_quarantine(
            world.stores.database, gap, ACTOR, now_ms=world.now_ms, accepted_loss=False, after={}
        )
        await rebuild(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=3_600_000, whole_too=True)
        return done
