"""What is read of one lead goes by the lead, however many there are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scheduler.ledger.callbacks import CallbackFilter, count_callbacks
from scheduler.ledger.database import Database
from scheduler.ledger.pages import EVER
from scheduler.ledger.statements import statement
from tests.ledger.made_up import made_up

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
        ("attempt_page", (1, None, True, 50, EVER, [77, 78], *[None] * 11)),
        ("attempt_count", (1, [77, 78], *[None] * 11, EVER)),
        ("loop_page", (1, None, True, 50, EVER, [77, 78], *[None] * 6)),
        ("loop_count", (1, [77, 78], *[None] * 6, EVER)),
    ],
)
async def test_no_loop_but_those_of_the_lead_is_looked_at(
    database: Database, name: str, arguments: tuple[Any, ...]
) -> None:
    """Issue: a lead is explained and its timeline told within 10 ms, with a million leads."""
    async with database.connection() as on:
        await made_up(on, leads=5000)
        await on.execute(FILL)
        await on.execute("ANALYZE loop")
        plan = "\n".join(row[0] for row in await on.fetch("EXPLAIN " + statement(name), *arguments))

    assert "Seq Scan on loop" not in plan, plan
    assert "loop_active" in plan, plan
    assert "loop_over" in plan, plan


async def test_a_lead_shows_its_active_loop_and_those_that_are_over(database: Database) -> None:
    async with database.connection() as on:
        await made_up(on, leads=5000)
        await on.execute(FILL)
    rows = await database.fetch("read_lead_loops", 1, 77)

    assert [row["status"] for row in rows] == ["scheduled", "ended"]


CALLBACKS = """
INSERT INTO callback (account_id, lead_id, loop_id, at, status, created_at, updated_at)
SELECT 1, 1 + g / 4, loop_id, now(), CASE WHEN g % 400 = 3 THEN 'scheduled' ELSE 'done' END, now(), now()
FROM generate_series(0, 19999) AS g
JOIN loop ON lead_id = 1 + g / 4 AND loop.status = CASE WHEN g % 800 = 3 THEN 'ended' ELSE 'scheduled' END
"""


@pytest.mark.parametrize(
    ("narrow", "index"),
    [
        ([[77, 78], None, None, None, None], "callback_of_lead"),
        ([None, None, ["scheduled", "due"], None, None], "callback_(open|of_status)"),
        ([None, None, ["canceled"], None, None], "callback_of_status"),
    ],
)
async def test_callbacks_of_a_lead_or_a_state_are_found_by_it(
    database: Database, narrow: list[Any], index: str
) -> None:
    """Issue: a page within 20 ms with a million of them."""
    async with database.connection() as on:
        await made_up(on, leads=5000)
        await on.execute(FILL)
        await on.execute(CALLBACKS)
        await on.execute("ANALYZE loop, callback")
        page = (1, None, None, True, 50, EVER, *narrow)
        for name, arguments in (("callback_page", page), ("callback_count", (1, *narrow, EVER))):
            plan = "\n".join(row[0] for row in await on.fetch("EXPLAIN " + statement(name), *arguments))
            assert re.search(index, plan), plan


async def test_a_callback_is_open_while_its_loop_lives_and_canceled_when_that_is_over(
    database: Database,
) -> None:
    async with database.connection() as on:
        await made_up(on, leads=5000)
        await on.execute(FILL)
        await on.execute(CALLBACKS)

    for status, count in (("scheduled", 25), ("canceled", 25), ("due", 0), ("done", 19_950)):
        assert await count_callbacks(database, 1, CallbackFilter(statuses=[status])) == count
    async with database.connection() as on:
        waiting = await database.fetch("callback_of_lead", 1, 101, on=on)
        over = await database.fetch("callback_of_lead", 1, 1, on=on)
    assert (len(waiting), len(over)) == (1, 0)
