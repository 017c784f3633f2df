"""What is read of one lead goes by the lead, however many there are."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.ledger.database import Database
from scheduler.ledger.pages import EVER
from scheduler.ledger.statements import statement

FILL = """
INSERT INTO loop (lead_id, account_id, agent_id, status, lane_id, next_at, policy_version, lead_version,
                  started_at, end_reason)
SELECT 1 + g / 2, 1, 1, CASE WHEN g % 2 = 0 THEN 'scheduled' ELSE 'ended' END, 1,
       CASE WHEN g % 2 = 0 THEN now() END, 1, 1, now(), CASE WHEN g % 2 = 1 THEN 'removed' END
FROM generate_series(0, 9999) AS g
"""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_lead_loops", (1, 77)),
        ("read_lead_attempts", (1, 77, 100)),
        ("attempt_page", (1, None, True, 50, EVER, 77, *[None] * 11)),
    ],
)
async def test_no_loop_but_those_of_the_lead_is_looked_at(
    database: Database, name: str, arguments: tuple[Any, ...]
) -> None:
    """Issue: a lead is explained and its timeline told within 10 ms, with a million leads."""
    async with database.connection() as on:
        await on.execute(FILL)
        await on.execute("ANALYZE loop")
        plan = "\n".join(row[0] for row in await on.fetch("EXPLAIN " + statement(name), *arguments))

    assert "Seq Scan on loop" not in plan, plan
    assert "loop_active" in plan, plan
    assert "loop_over" in plan, plan


async def test_a_lead_shows_its_active_loop_and_those_that_are_over(database: Database) -> None:
    async with database.connection() as on:
        await on.execute(FILL)
    rows = await database.fetch("read_lead_loops", 1, 77)

    assert [row["status"] for row in rows] == ["scheduled", "ended"]
