"""Pages of tables that may hold millions of rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.ledger.database import Database
from scheduler.ledger.pages import EVER, created, within
from scheduler.ledger.statements import statement
from scheduler.ledger.tenancy import serving

NOON = datetime(2026, 6, 16, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 16, 13, tzinfo=UTC)

FILLS = {
    "account": "INSERT INTO account (name, timezone, windows, frequency_caps, created_at, updated_at) "
    "VALUES ('a', 'UTC', '{}', '[]', now(), now())",
    "audit": "INSERT INTO audit (account_id, actor, action, object, at) "
    "SELECT 1, 'cli', 'made', 'lead:1', now() FROM generate_series(1, 10000)",
    "suppression": "INSERT INTO suppression (account_id, phone, reason, created_at) "
    "SELECT 1, '+1212555' || lpad(g::text, 7, '0'), 'asked', now() FROM generate_series(1, 10000) AS g",
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("audit_page", (1, None, "order", 51, EVER, None, None, None)),
     ("dnc_entry_page", (1, None, None, "order", 51, EVER, None, None))],
)  # fmt: skip
async def test_a_page_is_read_by_the_index_in_either_order(
    database: Database, name: str, arguments: tuple[Any, ...], descending: bool
) -> None:
    """API 1, `order`: the newest lines of a long list cost what the oldest do."""
    async with database.connection() as on:
        for sql in FILLS.values():
            await on.execute(sql)
        await on.execute("ANALYZE audit, suppression")
    given = [descending if value == "order" else value for value in arguments]
    with serving(1):
        async with database.connection() as on:
            plan = "\n".join(row[0] for row in await on.fetch("EXPLAIN " + statement(name), *given))

    assert "Sort" not in plan, plan
    assert ("Index Scan Backward" in plan) == descending, plan


@pytest.mark.parametrize(
    ("since", "until", "at", "is_within"),
    [(None, None, NOON, True), (NOON, None, NOON, True), (None, NOON, NOON, False), (NOON, LATER, NOON, True),
     (NOON, LATER, LATER, False), (LATER, None, NOON, False), (NOON, NOON, NOON, False),
     (LATER, NOON, NOON, False)],
)  # fmt: skip
async def test_a_time_begins_with_its_first_instant_and_ends_before_its_last(
    database: Database, since: datetime | None, until: datetime | None, at: datetime, is_within: bool
) -> None:
    """API 1, `.gte` and `.lt`: here as in the ledger; what ends before it begins is empty, and no error."""
    async with database.connection() as on:
        [row] = await on.fetch("SELECT $2::timestamptz <@ $1::tstzrange AS held", created(since, until), at)

    assert within(created(since, until), at) is is_within
    assert row["held"] is is_within
