"""Once a day accounts are told who waits for a person of theirs (API 5: `lead.waiting_digest`)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from scheduler.domain.localtime import day_of, day_start
from scheduler.domain.time import DAY, HOUR, MINUTE
from scheduler.ledger.accounts import create_account
from scheduler.services.digest import WaitingDigest
from tests.builders import TUESDAY_2PM, World, phones

NEW_YORK = "America/New_York"
MIDNIGHT = day_start(NEW_YORK, day_of(NEW_YORK, TUESDAY_2PM) + 1)


async def told(world: World) -> list[dict[str, Any]]:
    rows = await world.rows("SELECT extra FROM news WHERE type = 'lead.waiting_digest' ORDER BY news_id")
    return [msgspec.json.decode(row["extra"]) for row in rows]


async def some_wait(world: World) -> None:
    """Three leads: of two a result is owed, one has shown a sign of life."""
    await world.enrol(phones(4))
    await world.run("UPDATE loop SET status = 'awaiting_result', next_at = NULL WHERE lead_id <= 2")
    await world.run("UPDATE lead SET quiet_until = 'infinity' WHERE lead_id = 3")
    await world.run(
        "INSERT INTO lead_signal (account_id, lead_id, kind, at, created_at) "
        "VALUES ($1, 3, 'replied', now(), now())", world.account_id,
    )  # fmt: skip


async def test_who_waits_is_told_once_a_day_at_the_hour_of_the_account_s_own_clock(world: World) -> None:
    await some_wait(world)
    digest = WaitingDigest(world.stores.database, hour=8)
    await digest.step(TUESDAY_2PM)  # begun in the middle of a day: told at once
    first = await told(world)

    for at_ms in (TUESDAY_2PM + HOUR, MIDNIGHT, MIDNIGHT + 8 * HOUR - MINUTE):
        await digest.step(at_ms)
    assert await told(world) == first
    for at_ms in (MIDNIGHT + 8 * HOUR, MIDNIGHT + 9 * HOUR, MIDNIGHT + 23 * HOUR):
        await digest.step(at_ms)

    days = [
        {"day": day, "waiting": 3, "reasons": {"result": 2, "signal": 1}}
        for day in ("2026-06-16", "2026-06-17")
    ]
    assert await told(world) == days


async def test_two_processes_tell_it_once(world: World) -> None:
    await some_wait(world)
    digests = [WaitingDigest(world.stores.database, hour=8) for _ in range(4)]

    await asyncio.gather(*(digest.step(TUESDAY_2PM) for digest in digests))

    assert len(await told(world)) == 1


async def test_where_nobody_waits_nothing_is_told_and_accounts_hear_of_their_own_leads_only(
    world: World,
) -> None:
    """I24."""
    await some_wait(world)
    await create_account(world.stores.database, name="quiet", now_ms=TUESDAY_2PM)

    await WaitingDigest(world.stores.database, hour=0).step(TUESDAY_2PM + DAY)

    [row] = await world.rows("SELECT account_id FROM news WHERE type = 'lead.waiting_digest'")
    assert row["account_id"] == world.account_id
