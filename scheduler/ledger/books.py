"""The books: leads by how their loop ended, attempts by outcome. They must balance."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.ledger.database import Database
from scheduler.ledger.instants import to_datetime, to_ms_or_none


class Books(msgspec.Struct, frozen=True):
    """leads = sum(ended) + waiting; attempts = sum(outcomes)."""

    leads: int
    ended: dict[str, int]
    waiting: int
    attempts: int
    outcomes: dict[str, int]
    in_flight: int
    next_hour: int


async def read_books(database: Database, account_id: int, now_ms: Ms) -> Books:
    loops = {r["end_reason"]: r["leads"] for r in await database.fetch("books_loops", account_id)}
    outcomes = {r["outcome"]: r["attempts"] for r in await database.fetch("books_attempts", account_id)}
    now = await database.fetch_row("books_now", to_datetime(now_ms))
    assert now is not None
    waiting = loops.pop(None, 0)
    return Books(
        leads=waiting + sum(loops.values()),
        ended=dict(sorted(loops.items())),
        waiting=waiting,
        attempts=sum(outcomes.values()),
        outcomes=dict(sorted(outcomes.items())),
        in_flight=now["in_flight"],
        next_hour=now["next_hour"],
    )


async def latest_instant(database: Database) -> Ms | None:
    """The latest instant the ledger knows of; None when it is empty."""
    row = await database.fetch_row("books_latest")
    return None if row is None else to_ms_or_none(row["at"])


async def referee_facts(database: Database, account_id: int) -> tuple[list[Any], dict[int, Any]]:
    """A row a phone (phone, stated_zone, stated_region, priority, agent_id), and the agents' raw settings."""
    phones = await database.fetch("referee_facts", account_id)
    agents = await database.fetch("policy_of_agents", sorted({row["agent_id"] for row in phones}))
    return phones, {row["agent_id"]: row for row in agents}
