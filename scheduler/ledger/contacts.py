"""Attempts and loops as lists: narrowed, newest first or oldest."""

from __future__ import annotations

from datetime import datetime

import msgspec

from scheduler.ledger.database import Database
from scheduler.ledger.pages import EVER, Created, Slice


class AttemptFilter(msgspec.Struct, frozen=True):
    """What is not None narrows: one of each list. `…_from` is inclusive, `…_until` exclusive."""

    lead_ids: list[int] | None = None
    loop_ids: list[int] | None = None
    agent_ids: list[int] | None = None
    batch_ids: list[int] | None = None
    cadence_ids: list[int] | None = None
    states: list[str] | None = None
    outcomes: list[str] | None = None
    channels: list[str] | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None
    dispatched_from: datetime | None = None
    dispatched_until: datetime | None = None


class LoopFilter(msgspec.Struct, frozen=True):
    """What is not None narrows: one of each list. `for_somebody`: of loops that wait for a callback, whether
    it is a person of ours that is waited for."""

    lead_ids: list[int] | None = None
    agent_ids: list[int] | None = None
    batch_ids: list[int] | None = None
    cadence_ids: list[int] | None = None
    statuses: list[str] | None = None
    for_somebody: bool | None = None
    end_reasons: list[str] | None = None


async def attempts_page(
    database: Database,
    account_id: int,
    asked: Slice,
    narrow: AttemptFilter,
) -> list[int]:
    """Ids, in order."""
    return await _page(database, "attempt", account_id, asked, narrow)


async def loops_page(
    database: Database,
    account_id: int,
    asked: Slice,
    narrow: LoopFilter,
) -> list[int]:
    """Ids, in order."""
    return await _page(database, "loop", account_id, asked, narrow)


async def count_attempts(
    database: Database, account_id: int, narrow: AttemptFilter, created: Created = EVER
) -> int:
    return await _count(database, "attempt_count", account_id, narrow, created)


async def count_loops(
    database: Database, account_id: int, narrow: LoopFilter, created: Created = EVER
) -> int:
    return await _count(database, "loop_count", account_id, narrow, created)


async def _count(
    database: Database, statement: str, account_id: int, narrow: AttemptFilter | LoopFilter, created: Created
) -> int:
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        return await database.fetch_count(
            statement, account_id, *msgspec.structs.astuple(narrow), created, on=on
        )


async def _page(
    database: Database,
    what: str,
    account_id: int,
    asked: Slice,
    narrow: AttemptFilter | LoopFilter,
) -> list[int]:
    """Each page is planned for its own filters: the plan for one is wrong for the other."""
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        columns = msgspec.structs.astuple(narrow)
        rows = await database.fetch(f"{what}_page", account_id, *asked.values, *columns, on=on)
    return [row[f"{what}_id"] for row in rows]
