"""Rows that other rows refer to, with ids that a test can name, written without the product's help."""

from __future__ import annotations

from scheduler.ledger.database import Connection

_ROWS = (
    "INSERT INTO account (account_id, name, timezone, windows, frequency_caps, created_at, updated_at) "
    "OVERRIDING SYSTEM VALUE "
    "SELECT g, 'account ' || g, 'America/New_York', '{}', '[]', now(), now() FROM generate_series(1, 2) AS g",
    "INSERT INTO agent (agent_id, account_id, name, auto_dialer, created_at, updated_at) "
    "OVERRIDING SYSTEM VALUE "
    "SELECT g, (g + 1) / 2, 'agent ' || g, '{}', now(), now() FROM generate_series(1, 3) AS g",
    "INSERT INTO batch (batch_id, account_id, agent_id, name, priority, created_at, updated_at) "
    "OVERRIDING SYSTEM VALUE "
    "SELECT agent_id, account_id, agent_id, 'batch ' || agent_id, 'bulk', now(), now() FROM agent",
    "INSERT INTO place (place_id, zones, regions, own_zones, source) "
    "OVERRIDING SYSTEM VALUE VALUES (1, '{}', '{}', '{}', 'unknown')",
    "INSERT INTO lane (lane_id, account_id, agent_id, class, batch_id, place_id) "
    "OVERRIDING SYSTEM VALUE SELECT agent_id, account_id, agent_id, 'bulk', 0, 1 FROM agent",
)


async def made_up(on: Connection, *, leads: int = 0) -> None:
    """Account 1 with agents 1 and 2, account 2 with agent 3, a batch and a lane of each with its id, place 1,
    and leads 1 to `leads` of account 1."""
    for sql in _ROWS:
        await on.execute(sql)
    await leads_of(on, 1, first=1, count=leads)
    for table in ("account", "agent", "batch", "place", "lane"):
        await on.execute(f"ALTER TABLE {table} ALTER COLUMN {table}_id RESTART WITH 1000000")


async def leads_of(on: Connection, account_id: int, *, first: int, count: int) -> None:
    """So many leads with ids from `first` on."""
    await on.execute(
        "INSERT INTO lead (lead_id, account_id, phone, place_id, priority, created_at, updated_at) "
        "OVERRIDING SYSTEM VALUE SELECT g, $1, '+1212' || (1000000 + g), 1, 'bulk', now(), now() "
        "FROM generate_series($2::integer, $2 + $3::integer - 1) AS g",
        account_id, first, count,
    )  # fmt: skip
