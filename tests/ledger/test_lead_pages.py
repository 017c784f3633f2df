"""A page of leads is read in the order of an index, whatever narrows it: nothing is sorted or skipped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.ledger import leads
from scheduler.ledger.database import Database
from scheduler.ledger.leads import LeadFilter, count_leads, count_leads_about, page_of_leads
from scheduler.ledger.statements import statement
from tests.ledger.made_up import made_up

AT = datetime(2026, 6, 16, 18, tzinfo=UTC)
FILL = """
INSERT INTO lead (account_id, phone, place_id, priority, agent_id, batch_id, tags, email, status, created_at,
                  updated_at)
SELECT 1, '+1212' || (1000000 + g), 1, CASE WHEN g < 60 THEN 'live' ELSE 'bulk' END, 1 + (g < 60)::int,
       1 + (g < 60)::int, CASE WHEN g < 60 THEN '{old}'::text[] ELSE '{}' END, 'r' || g || '@example.com',
       CASE WHEN g < 60 THEN 'converted' ELSE 'active' END, $1::timestamptz + g * interval '1 second', $1
FROM generate_series(1, 20000) AS g
"""


@pytest.fixture
async def filled(database: Database) -> Database:
    """20,000 leads; all that is rare is among the oldest, where a walk from the newest comes last."""
    async with database.connection() as on:
        await made_up(on)
        await on.execute(FILL, AT)
        await on.execute("ANALYZE lead")
    return database


async def skipped(database: Database, **narrow: Any) -> int:
    """Rows that a page reads and throws away; fails where it sorts."""
    columns = ("statuses", "agent_ids", "batch_ids", "priority", "tags", "created_from", "created_until")
    values = [narrow.get(name) for name in columns]
    async with database.transaction() as on:
        await database.execute("lead_custom_plans", on=on)
        plan = await on.fetch(
            "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) " + statement("lead_page"),
            1, None, None, None, None, *values, "created_at", True, None, None, None, None, 51, None, None,
        )  # fmt: skip
    text = "\n".join(row[0] for row in plan)
    assert "Sort" not in text, text
    assert "Seq Scan" not in text, text
    return sum(int(count) for count in re.findall(r"Rows Removed by Filter: (\d+)", text))


@pytest.mark.parametrize(
    "narrow",
    [
        {}, {"statuses": ["converted"]}, {"agent_ids": [2]}, {"batch_ids": [2]}, {"priority": "live"},
        {"created_until": datetime(2026, 6, 16, 18, 1, tzinfo=UTC)},
        {"statuses": ["active"], "created_until": datetime(2026, 6, 16, 18, 10, tzinfo=UTC)},
    ],
)  # fmt: skip
async def test_a_page_reads_what_it_shows_and_no_more(filled: Database, narrow: dict[str, Any]) -> None:
    """Issue: a page of GET /v1/leads within 20 ms with a million leads."""
    assert await skipped(filled, **narrow) == 0


async def test_tags_addresses_and_several_states_find_the_oldest_as_well(filled: Database) -> None:
    for narrow, count in (
        (LeadFilter(tags=("old",)), 59), (LeadFilter(tags=("none",)), 0),
        (LeadFilter(email="R7@EXAMPLE.com"), 1),
        (LeadFilter(statuses=("converted", "opted_out", "reached")), 59),
    ):  # fmt: skip
        found = await page_of_leads(filled, 1, narrow, limit=100)
        assert len(found) == count
        assert [place.lead_id for place in found] == sorted((place.lead_id for place in found), reverse=True)
        assert await count_leads(filled, 1, narrow) == count


@pytest.mark.parametrize(
    ("limit", "value", "counted"), [("CHEAP", 0.0, 0), ("MOST_COUNTED", 10, 10), ("MOST_COUNTED", 60, 59)]
)
async def test_where_about_would_do_leads_are_counted_up_to_either_limit(
    filled: Database, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, counted: int
) -> None:
    """API 1: `?count=estimate`; a list of a million leads is not walked through for it."""
    monkeypatch.setattr(leads, limit, value)
    asked: list[int] = []

    async def fetch_count(name: str, *arguments: Any, on: Any) -> int:
        asked.append(await Database.fetch_count(filled, name, *arguments, on=on))
        return asked[-1]

    monkeypatch.setattr(filled, "fetch_count", fetch_count)
    about, exact = await count_leads_about(filled, 1, LeadFilter(tags=("old",)))

    assert asked == ([counted] if counted else [])
    assert exact == (counted == 59)
    assert about == 59 if exact else about >= counted


async def test_external_ids_are_looked_up_in_their_index(filled: Database) -> None:
    """One or several: a page that finds few does not walk over all."""
    async with filled.connection() as on:
        await on.execute("UPDATE lead SET external_id = 'x' || lead_id")
        await on.execute("ANALYZE lead")
    for said in (["x7"], ["x7", "x9"]):
        async with filled.transaction() as on:
            await filled.execute("lead_custom_plans", on=on)
            plan = await on.fetch(
                "EXPLAIN " + statement("lead_page"),
                1, None, said, *[None] * 9, "created_at", True, None, None, None, None, 51, None, None,
            )  # fmt: skip
        text = "\n".join(row[0] for row in plan)
        assert "lead_external_id" in text, text
        found = await page_of_leads(filled, 1, LeadFilter(external_ids=tuple(said)), limit=51)
        assert len(found) == len(said)
