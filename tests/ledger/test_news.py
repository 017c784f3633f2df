"""News: written with the change, numbered once it is committed, read by number (API 7)."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

import pytest

from scheduler.clock import SteppedClock
from scheduler.domain.time import DAY, HOUR
from scheduler.errors import Refused
from scheduler.insight import events
from scheduler.insight.events import Event, Narrow, count_events, head_of, read_back, read_on
from scheduler.ledger import news
from scheduler.ledger.accounts import create_account, create_agent
from scheduler.ledger.database import Connection, Database
from scheduler.ledger.instants import to_datetime
from scheduler.ledger.pages import created
from scheduler.services.herald import Herald
from tests.builders import TUESDAY_2PM

ACCOUNT, OTHER = 1, 2


async def a_change(database: Database, on: Connection, ids: list[int], **fields: Any) -> None:
    how: dict[str, Any] = {"at_ms": TUESDAY_2PM, "on": on} | fields
    await news.tell(database, how.pop("type", "lead.updated"), how.pop("account", ACCOUNT), ids=ids, **how)


async def changed(database: Database, ids: list[int], **fields: Any) -> None:
    async with database.transaction() as on:
        await a_change(database, on, ids, **fields)


async def all_of(database: Database, account: int = ACCOUNT, limit: int = 7, **narrow: Any) -> list[Event]:
    """By pages, as a reader that follows its cursor sees them."""
    seen: list[Event] = []
    after = None
    while True:
        stretch = await read_on(database, account, after, limit, Narrow(**narrow))
        seen += stretch.events
        after = stretch.looked_to
        if not stretch.more:
            return seen


def herald(database: Database) -> Herald:
    return Herald(database, SteppedClock(TUESDAY_2PM), period_s=1, kept_days=7)


async def test_news_of_a_change_that_is_rolled_back_is_never_read(database: Database) -> None:
    """API 7: an event is written in the transaction of its change."""
    async with database.connection() as on:
        transaction = on.transaction()
        await transaction.start()
        await a_change(database, on, [1])
        await transaction.rollback()
    await changed(database, [2])

    await herald(database).step(TUESDAY_2PM)

    assert [event.id for event in await all_of(database)] == [2]


async def test_events_are_numbered_from_one_without_a_hole_for_each_account(database: Database) -> None:
    """API 7: a reader can tell that nothing is missing; another tenant's events leave no trace."""
    await changed(database, [5, 6])
    await changed(database, [9], account=OTHER)
    await changed(database, [7], lead_ids=[4], type="attempt.ended", batch_ids=[3], extra={"now": {"a": 1}})
    await herald(database).step(TUESDAY_2PM)

    mine = await all_of(database)

    assert [(e.number, e.id, e.lead_id, e.batch_id) for e in mine] == [
        (1, 5, 5, None),
        (2, 6, 6, None),
        (3, 7, 4, 3),
    ]
    assert mine[-1].extra == {"now": {"a": 1}}
    assert [(e.number, e.id) for e in await all_of(database, OTHER)] == [(1, 9)]


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_commits_when_readers_miss_nothing_and_see_each_lead_in_order(
    database: Database, seed: int
) -> None:
    """API 7: transactions are open side by side, each holds its leads as the flow does, tells of them and
    commits or not at any later time; numbering and reading happen in between."""
    chance = random.Random(seed)
    written: defaultdict[int, list[int]] = defaultdict(list)  # what was committed of each lead, in order
    seen: defaultdict[int, list[int]] = defaultdict(list)
    version, after, numbers = 0, 0, []
    service = herald(database)

    async def read() -> None:
        nonlocal after
        stretch = await read_on(database, ACCOUNT, after, chance.choice([1, 3, 100]))
        after = stretch.looked_to
        for event in stretch.events:
            assert event.lead_id is not None
            numbers.append(event.number)
            seen[event.lead_id].append(event.id)

    async with AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(database.connection()) for _ in range(5)]
        under_way: list[tuple[Any, Connection, dict[int, list[int]]]] = []
        for _ in range(200):
            match chance.choice(["begin", "tell", "tell", "end", "number", "read"]):
                case "begin" if idle:
                    held = {lead for _, _, leads in under_way for lead in leads}
                    free = [lead for lead in range(1, 13) if lead not in held]
                    on = idle.pop()
                    transaction = on.transaction()
                    await transaction.start()
                    leads = chance.sample(free, min(len(free), chance.randint(1, 3)))
                    under_way.append((transaction, on, {lead: [] for lead in leads}))
                case "tell" if under_way:
                    _, on, told = chance.choice(under_way)
                    version += 10
                    leads = sorted(told)
                    ids = [version + place for place in range(len(leads))]
                    await a_change(database, on, ids, lead_ids=leads, type="attempt.ended")
                    for lead, id_ in zip(leads, ids, strict=True):
                        told[lead].append(id_)
                case "end" if under_way:
                    transaction, on, told = under_way.pop(chance.randrange(len(under_way)))
                    idle.append(on)
                    if chance.random() < 0.2:
                        await transaction.rollback()
                        continue
                    await transaction.commit()
                    for lead, ids in told.items():
                        written[lead] += ids
                case "number":
                    await service.step(TUESDAY_2PM)
                case "read":
                    await read()
        for transaction, _, _ in under_way:
            await transaction.rollback()
    await service.step(TUESDAY_2PM)
    while after < (await head_of(database, ACCOUNT)).seq:
        await read()

    assert seen == {lead: ids for lead, ids in written.items() if ids}
    assert numbers == list(range(1, len(numbers) + 1))


async def test_many_heralds_at_once_number_each_event_once(database: Database) -> None:
    """API 7: any number of processes may run one."""
    heralds = [herald(database) for _ in range(4)]

    async def write(lead: int) -> None:
        for version in range(20):
            await changed(database, [100 * lead + version], lead_ids=[lead], type="attempt.ended")

    async def number(one: Herald) -> None:
        for _ in range(25):
            await one.step(TUESDAY_2PM)

    await asyncio.gather(*map(write, range(1, 6)), *map(number, heralds))
    await heralds[0].step(TUESDAY_2PM)

    events = await all_of(database)
    assert [event.number for event in events] == list(range(1, 101))
    for lead in range(1, 6):
        own = [event.id for event in events if event.lead_id == lead]
        assert own == [100 * lead + version for version in range(20)]


async def test_events_are_narrowed_by_type_lead_and_batch(database: Database) -> None:
    """API 5: filters of /events."""
    await changed(database, [1, 2, 3], batch_ids=[8])
    await changed(database, [11, 12], lead_ids=[2, 3], batch_ids=[0, 8], type="attempt.ended")
    await changed(database, [2], type="batch.done", batch_ids=[2])
    await herald(database).step(TUESDAY_2PM)

    async def ids(**narrow: Any) -> list[int]:
        return [event.id for event in await all_of(database, **narrow) if event.type != "batch.progress"]

    assert await ids(types=["attempt.ended", "batch.done"]) == [11, 12, 2]
    assert await ids(lead_id=2) == [2, 11]
    assert await ids(batch_id=8) == [1, 2, 3, 12]
    assert await ids(lead_id=3, types=["attempt.ended"]) == [12]


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_a_list_read_backwards_is_the_same_list(database: Database, limit: int) -> None:
    """API 1: `order=desc`."""
    for first in range(1, 20, 3):
        await changed(database, [first, first + 1, first + 2])
    await herald(database).step(TUESDAY_2PM)
    back: list[int] = []
    before = None
    while True:
        stretch = await read_back(database, ACCOUNT, before, limit)
        back += [event.number for event in stretch.events]
        before = stretch.looked_to
        if not stretch.more:
            break

    assert back == list(range(21, 0, -1))


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("looked_at", [1, 3, 100])
async def test_events_of_a_time_are_found_from_either_end_whatever_lies_around_them(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: int, looked_at: int
) -> None:
    """API 1, ranges on `created_at`; API 5: pull in order. The first is inclusive, the last is not."""
    monkeypatch.setattr(events, "LOOKED_AT", looked_at)
    for hour in range(12):
        await changed(database, [10 * hour, 10 * hour + 1], at_ms=TUESDAY_2PM + hour * HOUR)
    await herald(database).step(TUESDAY_2PM + 12 * HOUR)
    since, until = to_datetime(TUESDAY_2PM + 4 * HOUR), to_datetime(TUESDAY_2PM + 7 * HOUR)
    narrow = Narrow(created=created(since, until))

    async def walk(read: Any) -> list[int]:
        found: list[int] = []
        at, more, pages = None, True, 0
        while more:
            stretch = await read(database, ACCOUNT, at, limit, narrow)
            found += [event.id for event in stretch.events]
            at, more, pages = stretch.looked_to, stretch.more, pages + 1
            assert pages < 50
        return found

    assert await walk(read_on) == [40, 41, 50, 51, 60, 61]
    assert await walk(read_back) == [61, 60, 51, 50, 41, 40]
    assert await count_events(database, ACCOUNT, narrow) == 6


async def test_old_events_go_and_who_asks_from_before_them_is_told(database: Database) -> None:
    """API 5: pull reaches back seven days; API 2: 410 `event-expired`."""
    await changed(database, [1, 2])
    await herald(database).step(TUESDAY_2PM)
    later_ms = TUESDAY_2PM + 8 * DAY
    await changed(database, [3], at_ms=later_ms)
    await herald(database).step(TUESDAY_2PM + 6 * DAY)
    assert [event.id for event in await all_of(database)] == [1, 2, 3]

    await herald(database).step(later_ms)

    assert [event.id for event in await all_of(database)] == [3]
    assert [event.id for event in (await read_on(database, ACCOUNT, 2, 5)).events] == [3]
    assert [event.id for event in (await read_back(database, ACCOUNT, None, 5)).events] == [3]
    with pytest.raises(Refused) as refused:
        await read_on(database, ACCOUNT, 1, 5)
    assert refused.value.code == "event-expired"


async def test_progress_of_a_batch_is_told_once_in_five_seconds(database: Database) -> None:
    """API 7: `batch.progress`, however much happens and however many heralds there are."""
    account_id = await create_account(database, name="Acme", now_ms=TUESDAY_2PM)
    agent_id = await create_agent(
        database,
        account_id=account_id,
        name="Ada",
        auto_dialer={"strategy": "followup"},
        now_ms=TUESDAY_2PM,
    )
    async with database.connection() as on:
        await on.execute(
            "INSERT INTO batch (account_id, agent_id, name, priority, created_at, updated_at)"
            " VALUES ($1, $2, 'c', 'bulk', now(), now())",
            account_id,
            agent_id,
        )
    heralds = [herald(database), herald(database)]
    for lead in range(6):
        await changed(database, [lead + 1], batch_ids=[1])
        await heralds[lead % 2].step(TUESDAY_2PM)
    for one in heralds:
        await one.step(TUESDAY_2PM)

    told = await all_of(database, types=["batch.progress"])

    assert [(event.id, event.batch_id) for event in told] == [(1, 1)]


async def test_an_unknown_type_is_a_fault_of_ours(database: Database) -> None:
    """A misspelt event would be written and never understood."""
    async with database.transaction() as on:
        with pytest.raises(ValueError, match="no such type"):
            await a_change(database, on, [1], type="lead.upated")
