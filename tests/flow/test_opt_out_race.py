"""I8: nothing is dialled after an acknowledged opt-out, in whatever order arm and opt-out meet (F23)."""

from __future__ import annotations

import asyncio

import asyncpg

from scheduler.flow.settle import Report
from scheduler.ledger.instants import to_datetime
from tests.builders import PHONE, World, phones
from tests.worlds import OpenWorld

RACERS = 40

ONE_STATEMENT_ARM = """
WITH locked AS (
    SELECT le.lead_id, le.account_id, le.phone FROM lead AS le
    JOIN loop AS lo USING (lead_id)
    WHERE lo.loop_id = $1
    FOR NO KEY UPDATE OF le
)
UPDATE loop AS lo
SET status = 'dialing', next_at = NULL
FROM locked AS l
WHERE lo.loop_id = $1
  AND lo.status = 'scheduled'
  AND NOT EXISTS (SELECT FROM suppression AS s WHERE s.account_id = l.account_id AND s.phone = l.phone)
RETURNING lo.loop_id
"""
"""What the arm must not be: one statement sees what was committed before it began, not before its locks."""


async def test_many_opt_outs_race_many_arms_and_no_armed_one_is_missed(open_world: OpenWorld) -> None:
    """F23: forty racers in both orders. Each opt-out either comes first, and its loop is refused, or finds
    the attempt armed and waits for it: what it leaves behind is never an armed attempt nobody knows of."""
    dialer, api = await open_world(), await open_world()
    numbers = phones(RACERS)
    loops = {number: await dialer.a_due_loop(number) for number in numbers}
    claims = {number: await dialer.claim_of(loop_id) for number, loop_id in loops.items()}
    armed: list[str] = []
    acknowledged: list[str] = []
    armed_after: list[str] = []

    async def racing_arm(number: str) -> None:
        result = await dialer.arm([claims[number]])
        if result.armed:
            armed.append(number)
            if number in acknowledged:
                armed_after.append(number)

    async def racing_opt_out(number: str) -> None:
        await api.opt_out(number)
        acknowledged.append(number)

    surely_armed, surely_refused, racing = numbers[:5], numbers[5:10], numbers[10:]
    await asyncio.gather(*map(racing_arm, surely_armed), *map(racing_opt_out, surely_refused))
    await asyncio.gather(
        *map(racing_opt_out, surely_armed),
        *map(racing_arm, surely_refused),
        *(
            racer(number)
            for at, number in enumerate(racing)
            for racer in ((racing_arm, racing_opt_out) if at % 2 else (racing_opt_out, racing_arm))
        ),
    )

    assert set(surely_armed) <= set(armed)
    assert not set(surely_refused) & set(armed)
    assert armed_after == []
    assert sorted(acknowledged) == sorted(numbers)
    states = await dialer.rows(
        "SELECT le.phone, lo.status, lo.end_reason FROM loop AS lo JOIN lead AS le USING (lead_id)"
    )
    assert {(row["status"], row["end_reason"]) for row in states} == {("ended", "dnc")}
    assert await dialer.value("SELECT count(*) FROM attempt") == len(armed)
    assert await dialer.value("SELECT count(*) FROM lead WHERE status = 'opted_out'") == RACERS


async def test_an_opt_out_waits_for_the_permit_that_came_first(world: World) -> None:
    """I8, RELIABILITY 3.3: it answers once the armed attempt has reported, or its permit is over."""
    armed = await world.an_armed_attempt()
    answer = asyncio.create_task(world.opt_out())
    await _until(world, "SELECT count(*) FROM suppression")
    assert not answer.done()

    await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))
    await answer

    assert (await world.loop(armed.loop_id))["status"] == "ended"


async def test_an_arm_that_waits_for_an_opt_out_sees_it(open_world: OpenWorld) -> None:
    """I8: the opt-out holds the lead; the arm waits for the lock and reads with a newer snapshot."""
    world = await open_world()
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    async with world.stores.database.transaction() as on:
        await _hold_and_suppress(on, world)
        arming = asyncio.create_task(world.arm([claim]))
        await _until_somebody_waits_for_a_lock(world)

    result = await arming

    assert (result.armed, result.reasons) == ([], {"dnc": 1})


async def test_the_same_arm_in_one_statement_would_have_let_the_call_through(world: World) -> None:
    """Guard removal for I8: without the second statement the call goes out after the opt-out's commit. If
    this fails, Postgres has changed, and the arm may be thought over."""
    loop_id = await world.a_due_loop()
    async with world.stores.database.transaction() as on:
        await _hold_and_suppress(on, world)
        arming = asyncio.create_task(world.rows(ONE_STATEMENT_ARM, loop_id))
        await _until_somebody_waits_for_a_lock(world)

    assert [row["loop_id"] for row in await arming] == [loop_id]
    assert await world.value("SELECT count(*) FROM suppression") == 1


async def _hold_and_suppress(on: asyncpg.Connection, world: World) -> None:
    await on.execute("SELECT FROM lead WHERE phone = $1 FOR NO KEY UPDATE", PHONE)
    await on.execute(
        "INSERT INTO suppression VALUES ($1, $2, 'asked', 'test', $3)",
        world.account_id,
        PHONE,
        to_datetime(world.now_ms),
    )


async def _until_somebody_waits_for_a_lock(world: World) -> None:
    await _until(
        world,
        "SELECT count(*) FROM pg_locks WHERE NOT granted"
        " AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())",
    )


async def _until(world: World, count: str) -> None:
    """Until this count is above zero."""
    for _ in range(10_000):
        if await world.value(count):
            return
    raise AssertionError("it never came")
