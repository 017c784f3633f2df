"""Leads that come one by one and are enrolled together: the answers are those that each had got alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scheduler.errors import LedgerRefused, NotFound, ServerUnavailable
from scheduler.flow import together
from scheduler.flow.entries import Entry
from scheduler.flow.terms import Target
from scheduler.flow.together import Taken, Together
from scheduler.ledger.accounts import create_agent
from scheduler.ledger.database import Database
from tests.flow.test_enrol import an_entry
from tests.imports.builders import FOLLOWUP, Desk, a_desk, a_wheel, claimed


@pytest.fixture
async def desk(database: Database, valkey_url: str) -> AsyncIterator[Desk]:
    wheel = await a_wheel(valkey_url)
    yield await a_desk(database, wheel)
    await wheel.close()


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[list[Entry]]:
    """Those that were enrolled by one call each."""
    seen: list[list[Entry]] = []
    enrol = together.enrol

    async def noted(*args: Any, entries: list[Entry], **rest: Any) -> Any:
        seen.append(list(entries))
        if any(entry.name == "refused" for entry in entries):
            raise LedgerRefused("the ledger refused a value", "DataError", "see which row it was")
        if any(entry.name == "away" for entry in entries):
            raise ServerUnavailable("Postgres does not answer", "it is away", "start it")
        return await enrol(*args, entries=entries, **rest)

    monkeypatch.setattr(together, "enrol", noted)
    return seen


def target(desk: Desk, **fields: Any) -> Target:
    return Target(desk.account_id, **{"agent_id": desk.agent_id, **fields})


async def taken(desk: Desk, *entries: Entry, to: Target | None = None) -> list[Taken | BaseException]:
    """All at once."""
    one = Together(desk.flow)
    asked = [one.enrol(to or target(desk), entry, desk.clock.now_ms()) for entry in entries]
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_those_that_come_while_one_is_written_share_the_next_commit(
    desk: Desk, groups: list[list[Entry]]
):
    """I14: each is in, has its loop, and is told its own lead."""
    entries = [an_entry(n) for n in range(40)]

    answers = await taken(desk, *entries)

    assert len(groups) < 5
    assert {len(group) for group in groups} != {1}
    told = [(one.enrolled.action, one.lead["phone"]) for one in answers]  # type: ignore[union-attr, index]
    assert told == [("created", entry.phone) for entry in entries]
    assert await desk.value("SELECT count(*) FROM loop WHERE status = 'scheduled'") == 40


async def test_one_that_comes_alone_waits_for_nobody(desk: Desk, groups: list[list[Entry]]):
    (answer,) = await taken(desk, an_entry())

    assert [len(group) for group in groups] == [1]
    assert await claimed(desk) == [answer.enrolled.loop_id]  # type: ignore[union-attr]


async def test_the_same_lead_twice_at_once_is_made_once_and_then_known(desk: Desk):
    """I4: a double click on a form."""
    first, *others = await taken(desk, *([an_entry(0)] * 6), an_entry(0, name="Robin"))

    assert isinstance(first, Taken)
    assert first.enrolled.action == "created"
    assert {one.enrolled.action for one in others} == {"unchanged", "updated"}  # type: ignore[union-attr]
    assert {one.enrolled.lead_id for one in others} == {first.enrolled.lead_id}  # type: ignore[union-attr]
    assert await desk.value("SELECT count(*) FROM loop") == 1


async def test_one_that_the_ledger_refuses_spoils_nobody_else(desk: Desk, groups: list[list[Entry]]):
    answers = await taken(desk, *(an_entry(n, name="refused" if n == 7 else "") for n in range(12)))

    assert [type(one).__name__ for one in answers] == ["Taken"] * 7 + ["LedgerRefused"] + ["Taken"] * 4
    assert await desk.value("SELECT count(*) FROM lead") == 11


async def test_with_the_ledger_away_all_hear_it_and_the_next_come_in(desk: Desk, groups: list[list[Entry]]):
    one = Together(desk.flow)
    away = [one.enrol(target(desk), an_entry(n, name="away"), desk.clock.now_ms()) for n in range(3)]
    answers = await asyncio.gather(*away, return_exceptions=True)

    assert [type(answer) for answer in answers] == [ServerUnavailable] * 3
    assert (await one.enrol(target(desk), an_entry(5), desk.clock.now_ms())).enrolled.action == "created"


async def test_other_targets_are_other_groups(desk: Desk, groups: list[list[Entry]]):
    """I24: what one asks for is never written for another."""
    other = await create_agent(
        desk.database,
        account_id=desk.account_id,
        name="other",
        auto_dialer=FOLLOWUP,
        now_ms=desk.clock.now_ms(),
    )
    one, now_ms = Together(desk.flow), desk.clock.now_ms()
    targets = [target(desk), target(desk, agent_id=other), target(desk, agent_id=999)]
    answers = await asyncio.gather(
        *(one.enrol(targets[n % 3], an_entry(n), now_ms) for n in range(12)), return_exceptions=True
    )

    assert [type(answer) for answer in answers[2::3]] == [NotFound] * 4
    rows = await desk.rows("SELECT agent_id, count(*) AS n FROM loop GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [(desk.agent_id, 4), (other, 4)]


async def test_who_has_left_meanwhile_takes_nobody_along(desk: Desk, groups: list[list[Entry]]):
    one, now_ms = Together(desk.flow), desk.clock.now_ms()
    asked = [asyncio.create_task(one.enrol(target(desk), an_entry(n), now_ms)) for n in range(8)]
    await asyncio.sleep(0)
    for gone in asked[1:4]:
        gone.cancel()

    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(answer) for answer in answers[1:4]] == [asyncio.CancelledError] * 3
    assert all(isinstance(answer, Taken) for answer in (answers[0], *answers[4:]))
