"""Work goes on with one connection to the ledger: nobody inside a transaction waits for another connection,
which would never come with every one taken so (I16)."""

from __future__ import annotations

import asyncio

import pytest

from api.parts import stores
from scheduler.domain.time import DAY, HOUR
from scheduler.flow.callbacks import When, schedule_callback
from scheduler.flow.manual_call import call_now
from tests.builders import ACTOR, PERMIT_S, PHONE, TUESDAY_2PM, World, an_end, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def crowded(open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    """A process that knows no lane and no place yet, with one connection for everything and one for permits
    and outcomes; the wheel was made whole by another."""
    await open_world()
    monkeypatch.setattr(stores, "DIALER_CONNECTIONS", 1)
    monkeypatch.setattr(stores, "BOOK_CONNECTIONS", 1)
    return await open_world(ready=False, postgres_connections=1, postgres_wait_s=2.0)


async def test_outcomes_that_need_new_lanes_are_settled(crowded: World) -> None:
    armed = [await crowded.an_armed_attempt(number) for number in phones(3)]

    asked = {"disposition": "callback", "callback_at_ms": TUESDAY_2PM + 2 * HOUR}
    ends = [an_end(each.attempt_id, TUESDAY_2PM, "answered", **asked) for each in armed]
    crowded.flow.forget()  # as a process that has just been started

    async with crowded.stores.database.transaction():  # a request has the one connection
        await asyncio.gather(*(crowded.settle(end) for end in ends))

    assert [(await crowded.loop(each.loop_id))["status"] for each in armed] == ["waiting_callback"] * 3
    assert await crowded.value("SELECT count(DISTINCT class) FROM lane") == 2


async def test_calls_and_callbacks_asked_for_at_once_all_come_onto_lanes_of_their_own(crowded: World) -> None:
    numbers = phones(4)
    await crowded.enrol(numbers)
    lead_ids = [row["lead_id"] for row in await crowded.rows("SELECT lead_id FROM lead ORDER BY lead_id")]
    crowded.flow.forget()

    await asyncio.gather(
        *(
            call_now(
                crowded.flow, crowded.clock, account_id=crowded.account_id, lead_id=lead_id, agent_id=None,
                acknowledged=False, reason="", enrol=False, actor=ACTOR,
            )
            for lead_id in lead_ids[:2]
        ),
        *(
            schedule_callback(
                crowded.flow, crowded.clock, account_id=crowded.account_id, lead_id=lead_id,
                when=When(TUESDAY_2PM + 2 * HOUR), note="", source="test", actor=ACTOR, permit_s=PERMIT_S,
            )
            for lead_id in lead_ids[2:]
        ),
    )  # fmt: skip

    classes = await crowded.rows("SELECT l.class FROM loop o JOIN lane l USING (lane_id) ORDER BY o.lead_id")
    assert [row["class"] for row in classes] == ["live", "live", "callback", "callback"]


async def test_a_lead_that_moves_gets_a_place_that_no_row_names(crowded: World) -> None:
    await crowded.enrol([PHONE], region="Florida")

    [again] = await crowded.enrol([PHONE], timezone="America/Denver")

    assert again.action == "updated"
    zones = await crowded.value("SELECT zones FROM place p JOIN lead l USING (place_id)")
    assert {"America/New_York", "America/Denver"} <= set(zones)


async def test_what_was_planned_under_older_settings_is_planned_anew_at_the_arm(crowded: World) -> None:
    loop_id = await crowded.a_due_loop()
    await crowded.next_version()
    crowded.flow.forget()
    crowded.clock.move_to(TUESDAY_2PM + DAY)

    claim = await crowded.claim_of(loop_id)

    async with crowded.stores.database.transaction():
        result = await crowded.arm([claim])

    assert [armed.loop_id for armed in result.armed] == [loop_id]
