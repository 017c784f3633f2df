"""What the API shows, read for one account at a time: a foreign id finds nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from scheduler.errors import NotFound
from scheduler.ledger.database import Database, Row
from scheduler.ledger.migrate import pending
from scheduler.ledger.pages import ONE, Created, Slice

MOST_ATTEMPTS = 1000
"""Attempts of a lead that are shown."""

_REJECTS_A_PAGE = 1000


class Owned(msgspec.Struct, frozen=True):
    """Whether an agent and a batch are the account's (None is), and the batch's agent."""

    agent_ok: bool
    batch_ok: bool
    batch_agent_id: int | None


async def account(database: Database, account_id: int) -> Row:
    return _found(await database.fetch_row("read_account", account_id), "account")


async def count_owned(database: Database, account_id: int, kind: str, created: Created) -> int:
    """How many the account has of a `kind`: the name of its table."""
    return await database.fetch_count("count_owned", account_id, kind, created)


async def agents(database: Database, account_id: int, asked: Slice) -> list[Row]:
    return await database.fetch("read_agents", account_id, None, *asked.values)


async def agent(database: Database, account_id: int, agent_id: int) -> Row:
    return _found(await database.fetch_row("read_agents", account_id, [agent_id], *ONE.values), "agent")


async def lead(database: Database, account_id: int, lead_id: int) -> Row:
    return _found(await database.fetch_row("read_leads", account_id, [lead_id]), "lead")


async def leads(database: Database, account_id: int, lead_ids: Sequence[int]) -> list[Row]:
    """Newest first."""
    return await database.fetch("read_leads", account_id, list(lead_ids)) if lead_ids else []


async def lead_attempts(database: Database, account_id: int, lead_id: int) -> list[Row]:
    return await database.fetch("read_lead_attempts", account_id, lead_id, MOST_ATTEMPTS)


async def lead_loops(database: Database, account_id: int, lead_id: int) -> list[Row]:
    return await database.fetch("read_lead_loops", account_id, lead_id)


async def lead_blocks(database: Database, account_id: int, lead_id: int) -> Row:
    return _found(await database.fetch_row("read_lead_blocks", account_id, lead_id), "lead")


async def attempt(database: Database, account_id: int, attempt_id: int) -> Row:
    return _found(await database.fetch_row("read_attempt", account_id, [attempt_id]), "attempt")


async def attempts(database: Database, account_id: int, attempt_ids: Sequence[int]) -> list[Row]:
    """Those of them that were sent, in any order."""
    return await database.fetch("read_attempt", account_id, list(attempt_ids)) if attempt_ids else []


async def loops(database: Database, account_id: int, loop_ids: Sequence[int]) -> list[Row]:
    """In any order."""
    return await database.fetch("read_loops", account_id, list(loop_ids)) if loop_ids else []


async def batch(database: Database, account_id: int, batch_id: int) -> Row:
    return _found(await database.fetch_row("read_batch", account_id, batch_id), "batch")


async def batches(
    database: Database,
    account_id: int,
    asked: Slice,
    *,
    statuses: Sequence[str] | None,
    agent_ids: Sequence[int] | None,
) -> list[Row]:
    """Without their counts, which are a walk over their leads."""
    return await database.fetch("read_batches", account_id, *asked.values, statuses, agent_ids)


async def count_batches(
    database: Database,
    account_id: int,
    created: Created,
    *,
    statuses: Sequence[str] | None,
    agent_ids: Sequence[int] | None,
) -> int:
    return await database.fetch_count("batch_count", account_id, statuses, agent_ids, created)


async def batch_head(database: Database, account_id: int, batch_id: int) -> Row:
    """Its name and agent, without the counts."""
    return _found(await database.fetch_row("read_batch_head", account_id, batch_id), "batch")


async def import_(database: Database, account_id: int, import_id: int) -> Row:
    return _found(
        await database.fetch_row("read_import", account_id, [import_id], *ONE.values, None, None), "import"
    )


async def import_rejects(database: Database, account_id: int, import_id: int) -> AsyncIterator[Row]:
    """Every rejected row, read a page at a time."""
    after = -1
    while True:
        rows = await database.fetch("read_import_rejects", account_id, import_id, after, _REJECTS_A_PAGE)
        for row in rows:
            yield row
        if len(rows) < _REJECTS_A_PAGE:
            return
        after = rows[-1]["row"]


async def owned(database: Database, account_id: int, *, agent_id: int | None, batch_id: int | None) -> Owned:
    row = await database.fetch_row("read_owned", account_id, agent_id, batch_id)
    assert row is not None
    return Owned(row["agent_ok"], row["batch_ok"], row["batch_agent_id"])


async def ready(database: Database) -> list[str]:
    """Names of migrations still to run. Raises ServerUnavailable."""
    await database.fetch_row("read_ready")
    return await pending(database)


def _found(row: Row | None, what: str) -> Any:
    if row is None:
        raise NotFound(f"no such {what}")
    return row
