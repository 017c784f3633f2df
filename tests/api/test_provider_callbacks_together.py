"""Many reports at once, and those that the ledger is slow to take: each for itself, each once."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from api import provider_inbox
from scheduler.domain.model import Priority
from tests.api.reporting import Desk, a_slow_ledger
from tests.builders import phones
from tests.dialer.builders import until


async def test_a_ledger_that_is_too_slow_is_503_and_the_report_counts_once(desk: Desk):
    """I14: it may be committed after all; the provider sends it again."""
    world = desk.world
    armed = await world.an_armed_attempt()

    async with a_slow_ledger(world):
        assert await desk.report(armed.attempt_id, "busy") == 503
        assert await desk.report(armed.attempt_id, "busy") == 503
    assert await desk.report(armed.attempt_id, "busy") == 204

    assert await world.value("SELECT count(*) FROM provider_event") == 1
    assert await world.value("SELECT outcome FROM attempt") == "busy"
    assert len(desk.inbox._in) == 0


async def test_reports_pass_one_whose_lead_somebody_else_keeps_locked(desk: Desk):
    world = desk.world
    held, other = [await world.an_armed_attempt(number) for number in phones(2)]

    async with world.stores.database.transaction() as on:
        await on.execute(
            "SELECT FROM lead JOIN loop USING (lead_id) WHERE loop_id = $1 FOR UPDATE", held.loop_id
        )
        waits = asyncio.create_task(desk.report(held.attempt_id, "busy"))
        await until(lambda: bool(desk.inbox._in._groups), "under way")
        assert await desk.report(other.attempt_id, "busy", "first") == 204
        assert await desk.report(other.attempt_id, "busy", "second") == 204
        assert not waits.done()
    assert await waits == 204


async def test_a_report_that_the_ledger_refuses_is_503_and_those_beside_it_are_taken(desk: Desk):
    """I23: committed together, each is answered for itself; told again it counts once (I14)."""
    world = desk.world
    armed = [await world.an_armed_attempt(number) for number in phones(4)]
    refuse = "ALTER TABLE provider_event ADD CONSTRAINT none CHECK (attempt_id <> {})"
    await world.run(refuse.format(armed[1].attempt_id))

    async def all_report() -> list[int]:
        return await asyncio.gather(*(desk.report(each.attempt_id, "busy") for each in armed))

    assert await all_report() == [204, 503, 204, 204]
    await world.run("ALTER TABLE provider_event DROP CONSTRAINT none")
    assert await all_report() == [204] * 4
    assert await world.value("SELECT count(*) FROM attempt WHERE outcome = 'busy'") == 4
    assert await world.value("SELECT count(*) FROM provider_event") == 4


async def test_more_reports_than_a_process_holds_are_told_to_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(provider_inbox, "MOST_WAITING", 0)
    armed = await desk.world.an_armed_attempt()
    assert await desk.report(armed.attempt_id, "busy") == 503


async def test_a_thousand_times_the_same_at_once_is_one_report(desk: Desk):
    """RELIABILITY 5.2: 1,000 duplicates a second; I14."""
    world = desk.world
    armed = await world.an_armed_attempt()
    same = [desk.report(armed.attempt_id, "busy", "same") for _ in range(1000)]

    assert set(await asyncio.gather(*same)) == {204}
    assert await world.value("SELECT count(*) FROM provider_event") == 1
    assert await world.value("SELECT outcome FROM attempt") == "busy"


async def test_ten_thousand_reports_are_each_kept_once(desk: Desk):
    """I14: of two hundred calls, in any order and each twice, with fewer commits than reports."""
    world = desk.world
    numbers = phones(200)
    await world.enrol(numbers, priority=Priority.LIVE)
    armed = (await world.arm(await world.claim(200))).armed
    assert len(armed) >= 100
    sent = [
        (each.attempt_id, status, f"{status}-{again}")
        for each in armed
        for status in ("ringing", "answered", "completed")
        for again in range(5_000 // (3 * len(armed)) + 1)
    ]
    Random(7).shuffle(sent)
    commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    before = await world.value(commits)

    statuses = set()
    for start in range(0, len(sent), 500):
        chunk = sent[start : start + 500]
        statuses |= set(await asyncio.gather(*(desk.report(*each) for each in chunk * 2)))
    await world.value("SELECT pg_stat_force_next_flush()")

    assert statuses == {204}
    assert 2 * len(sent) >= 10_000
    assert await world.value("SELECT count(*) FROM provider_event") == len(sent)
    assert await world.rows("SELECT DISTINCT state, outcome FROM attempt") == [("done", "completed")]
    assert await world.value(commits) - before < len(sent)
