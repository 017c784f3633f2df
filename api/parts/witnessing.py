"""What a process keeps outside of the ledger, to hold the ledger against it: its witness, and its journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

from api.parts.stores import Stores
from dialer.journal import Journal, open_journal
from scheduler.domain.time import HOUR
from scheduler.errors import StartError
from scheduler.services.service import run_service
from scheduler.services.witness import Witness

JOURNAL_FOLDER = "journal"
PERIOD_S = 1.0
"""Between two beats: what a ledger may lose unnoticed by others than who armed it."""


@dataclass(frozen=True)
class Witnessing:
    """`journal`: None where settings say so, and where nothing is called or opted out."""

    witness: Witness
    journal: Journal | None


@asynccontextmanager
async def open_witness(
    stores: Stores, *, journal: bool = True, beats: bool = True
) -> AsyncIterator[Witnessing | None]:
    """The witness of this process and, with `journal`, its journal under the data directory. Without `beats`
    it only looks. None on a clock that is not a real one: what is played can be played again.

    Raises StartError when the journal cannot be opened.
    """
    if stores.clock.speed != 1.0 or stores.clock.patience_s != inf:
        yield None
        return
    kept = await _open_journal(stores) if journal and stores.settings.journal_max_mb else None
    stores.flow.standing.journal = kept
    try:
        yield Witnessing(
            Witness(
                stores.flow,
                stores.database,
                installation=stores.installation.installation_id.hex,
                journal=kept,
                period_s=PERIOD_S,
                failover_safe=stores.settings.failover_safe,
                beats=beats,
            ),
            kept,
        )
    finally:
        if kept is not None:
            kept.close()


def witness_tasks(
    stores: Stores, witnessing: Witnessing | None, stop: asyncio.Event
) -> list[asyncio.Task[None]]:
    if witnessing is None:
        return []
    witness = witnessing.witness
    return [asyncio.create_task(run_service(witness, stores.clock, stop), name=witness.name)]


async def _open_journal(stores: Stores) -> Journal:
    settings = stores.settings
    folder = settings.data_path / JOURNAL_FOLDER / stores.installation.installation_id.hex
    try:
        return await asyncio.to_thread(
            open_journal,
            folder,
            max_bytes=settings.journal_max_mb * 1_000_000,
            keep_ms=settings.journal_keep_h * HOUR,
            new_id=stores.new_id,
        )
    except OSError as error:
        raise StartError(
            "the journal cannot be opened",
            f"{folder}: {error.strerror}",
            "let this user write there, or name another folder with data_dir",
        ) from error
