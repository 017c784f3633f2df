"""Caller ids with a daily budget, and trunks: hard limits, whoever asks (issue 4, Gates; I12)."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from scheduler.domain.localtime import day_of, day_start
from scheduler.domain.model import Priority
from scheduler.domain.time import DAY, HOUR
from scheduler.errors import EpochNotReady, Refused
from scheduler.flow.settle import Report
from scheduler.ledger.accounts import create_agent
from scheduler.ledger.caller_ids import count_calls, create_caller_id, create_pool
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.trunks import create_trunk
from scheduler.wheel import Claim, Gate
from tests.builders import NOBODY_ANSWERS, TUESDAY_2PM, World, an_end, phones
from tests.worlds import OpenWorld

NEW_YORK = "America/New_York"
TODAY = day_of(NEW_YORK, TUESDAY_2PM)
RELOAD = DAY  # of the calendars, on a stepped clock
MIDNIGHT = day_start(NEW_YORK, TODAY + 1)
OURS = ("+16465550190", "+17185550191", "+13475550192", "+19175550193")


async def a_pool(
    world: World, *caps: int, strategy: str = "rotate", agent_id: int | None = None, **number: Any
) -> list[int]:
    """A pool of one number for each cap, which the agent's calls show; the ids of its numbers."""
    database, already = world.stores.database, await world.value("SELECT count(*) FROM caller_id")
    async with database.transaction() as on:
        numbers = [
            await create_caller_id(
                database, on, account_id=world.account_id, phone=OURS[already + n], daily_cap=cap,
                now_ms=world.now_ms, **number,
            )
            for n, cap in enumerate(caps)
        ]  # fmt: skip
        pool_id = await create_pool(
            database, on, account_id=world.account_id, name=f"pool {already}", strategy=strategy,
            caller_id_ids=numbers, now_ms=world.now_ms,
        )  # fmt: skip
    await world.run(
        "UPDATE agent SET caller_id_pool_id = $1 WHERE agent_id = $2", pool_id, agent_id or world.agent_id
    )
    await world.flow.lanes.reroute([agent_id or world.agent_id], world.now_ms)
    return numbers


async def used(world: World) -> dict[int, int]:
    rows = await world.rows("SELECT caller_id_id, sum(used)::int AS used FROM caller_id_use GROUP BY 1")
    return {row["caller_id_id"]: row["used"] for row in rows}


async def due_leads(world: World, count: int, **how: Any) -> list[int]:
    """Live leads that are due now: their loops."""
    rows = await world.enrol(phones(count), priority=Priority.LIVE, **how)
    return [row.loop_id for row in rows if row.loop_id is not None]


async def claims_of(world: World, loops: list[int]) -> list[Claim]:
    return [await world.claim_of(loop_id) for loop_id in loops]


async def test_an_attempt_shows_a_number_of_its_agents_pool_and_counts_for_today(world: World) -> None:
    """DESIGN 5: the arm picks the caller id from the pool and counts it."""
    [number] = await a_pool(world, 5)
    armed = await world.an_armed_attempt()

    assert armed.caller_id == OURS[0]
    assert (await world.attempts(armed.loop_id))[0]["caller_id"] == OURS[0]
    [use] = await world.rows("SELECT caller_id_id, day, used FROM caller_id_use")
    assert (use["caller_id_id"], use["day"].isoformat(), use["used"]) == (number, "2026-06-16", 1)


async def test_without_a_pool_nothing_of_caller_ids_is_asked(world: World, monkeypatch: Any) -> None:
    """The way of those who have no pool stays two statements."""
    [loop_id] = await due_leads(world, 1)
    claims = await claims_of(world, [loop_id])
    asked: list[str] = []
    fetch = world.stores.ledger.fetch

    async def watched(name: str, *arguments: Any, on: Any = None) -> Any:
        asked.append(name)
        return await fetch(name, *arguments, on=on)

    monkeypatch.setattr(world.stores.ledger, "fetch", watched)
    [armed] = (await world.arm(claims)).armed

    assert asked == ["arm_lock", "arm_attempts"]
    assert armed.caller_id is None


async def test_a_budget_of_five_dials_five_of_fifty_today_and_tells_the_others_why(world: World) -> None:
    """Row 8 of MISSION: no number over its cap; the arm refuses what a wheel without a budget hands out."""
    await a_pool(world, 3, 2)
    loops = await due_leads(world, 50)

    result = await world.arm(await claims_of(world, loops))

    assert (len(result.armed), result.reasons) == (5, {"caller_ids_spent": 45})
    assert Counter(armed.caller_id for armed in result.armed) == {OURS[0]: 3, OURS[1]: 2}
    armed = {item.loop_id for item in result.armed}
    moved = await world.rows("SELECT loop_id, next_at, why FROM loop WHERE status = 'scheduled'")
    assert {row["loop_id"] for row in moved} == set(loops) - armed
    assert min(to_ms(row["next_at"]) for row in moved) >= MIDNIGHT + 8 * HOUR
    assert {placing.due_at_ms for placing in result.placings} == {to_ms(row["next_at"]) for row in moved}
    assert all('"rule":"throttle"' in row["why"] and "caller id" in row["why"] for row in moved)


async def test_a_wheel_that_believed_in_more_is_put_right_by_the_first_refusal(open_world: OpenWorld) -> None:
    """DESIGN 5: one batch of claims is wasted, not one for every lead that waits."""
    world = await open_world(claim_batch=10)
    await a_pool(world, 5)
    await due_leads(world, 50)
    await world.flow.wheel.shape(gates=[Gate("c:1", 0, left=999, renews_at_ms=MIDNIGHT)])

    assert await world.dial() == 10
    assert await world.dial() == 0

    assert len(await world.rows("SELECT 1 FROM attempt")) == 5
    assert await world.waiting_on_wheel() == 40


async def test_a_budget_lasts_until_midnight_where_the_account_is_and_then_anew(world: World) -> None:
    """MISSION row 8, on the whole path: 5 calls a day, nobody twice, the rest on the days that follow."""
    await a_pool(world, 5)
    loops = await due_leads(world, 12)

    while await world.dial():
        pass

    assert len(await world.rows("SELECT 1 FROM attempt")) == 5
    assert await world.dial() == 0, "the lane waits for the pool, and is not looked at"
    assert await world.flow.wheel.next_wake(0, world.now_ms) == MIDNIGHT
    calls = []
    for _ in range(3):
        await world.carry()
        world.clock.move_to(max(world.now_ms, day_start(NEW_YORK, day_of(NEW_YORK, world.now_ms) + 1)))
        world.pass_time(10 * HOUR)
        await world.services.calendars.step(world.now_ms)
        while await world.dial():
            pass
        calls.append(await world.value("SELECT max(used) FROM caller_id_use"))
    assert calls == [5, 5, 5]
    firsts = await world.rows("SELECT DISTINCT loop_id FROM attempt WHERE n = 1")
    assert {row["loop_id"] for row in firsts} == set(loops)


async def test_the_wheel_gets_the_new_days_budget_before_anything_is_claimed(world: World) -> None:
    """The calendars set it when the old one is over: five are claimed in the morning, not all that wait."""
    await a_pool(world, 5)
    await due_leads(world, 20)
    await world.services.calendars.step(world.now_ms)
    assert await world.dial() == 5

    world.clock.move_to(MIDNIGHT + 10 * HOUR)
    await world.services.calendars.step(world.now_ms)

    assert await world.dial() == 5
    assert await world.dial() == 0


async def test_many_dialers_that_race_for_the_last_calls_never_pass_the_cap(open_world: OpenWorld) -> None:
    """I12: two processes, many lines each, one budget of seven over two numbers; every loop claimed twice."""
    one, other = await open_world(), await open_world()
    numbers = await a_pool(one, 4, 3)
    loops = await due_leads(one, 40)
    claims = await claims_of(one, loops)
    batches = [claims[n::10] for n in range(10)]

    results = await asyncio.gather(
        *(one.arm(batch) for batch in batches), *(other.arm(batch[::-1]) for batch in batches)
    )

    assert sum(len(result.armed) for result in results) == 7
    assert await used(one) == dict(zip(numbers, (4, 3), strict=True))
    shown = await one.rows("SELECT caller_id, count(*) AS n FROM attempt GROUP BY 1 ORDER BY 2")
    assert [row["n"] for row in shown] == [3, 4]


async def test_the_count_itself_stops_at_the_cap_whoever_counts(world: World) -> None:
    """I12, in the storage: 40 counts at once of a number with a cap of 7, and none of more than is left."""
    [number] = await a_pool(world, 7)

    counted = await asyncio.gather(
        *(count_calls(world.stores.database, [(number, TODAY, 1)]) for _ in range(40))
    )

    assert sum(map(len, counted)) == 7
    assert await used(world) == {number: 7}
    assert await count_calls(world.stores.database, [(number, TODAY + 1, 8)]) == set()
    assert await count_calls(world.stores.database, [(number, TODAY + 1, 7)]) == {number}


async def test_a_cap_that_is_lowered_in_the_moment_of_the_arm_leaves_no_permit(
    world: World, monkeypatch: Any
) -> None:
    """I12: chosen is not counted; where the count refuses, the whole transaction is none."""
    await a_pool(world, 2)
    loops = await due_leads(world, 2)
    claims = await claims_of(world, loops)
    fetch = world.stores.ledger.fetch

    async def lowered(name: str, *arguments: Any, on: Any = None) -> Any:
        if name == "caller_id_count":
            await world.run("UPDATE caller_id SET daily_cap = 1")
        return await fetch(name, *arguments, on=on)

    monkeypatch.setattr(world.stores.ledger, "fetch", lowered)
    with pytest.raises(Refused, match="fewer calls"):
        await world.arm(claims)

    assert await world.rows("SELECT 1 FROM attempt") == []
    assert await used(world) == {}


async def test_what_was_not_sent_gives_its_call_back_once(world: World) -> None:
    """Issue 4: what was refused or not sent gives its tokens back once."""
    [number] = await a_pool(world, 1)
    first = await world.an_armed_attempt()
    report = Report(first.attempt_id, permit=first.permit, not_sent=True, error="test")

    await asyncio.gather(world.settle(report), world.settle(report))

    assert await used(world) == {number: 0}
    [again] = (await world.arm([await world.claim_of(first.loop_id)])).armed
    assert (again.attempt_id, again.caller_id) == (first.attempt_id, OURS[0])
    assert await used(world) == {number: 1}
    await world.settle(report)
    assert await used(world) == {number: 1}, "an old permit gives nothing back"


async def test_a_call_counts_for_the_day_on_which_it_was_armed_even_if_that_is_over(world: World) -> None:
    """Not sent after midnight: yesterday's count goes down, today's stays."""
    [number] = await a_pool(world, 3)
    armed = await world.an_armed_attempt()
    await world.run("INSERT INTO caller_id_use VALUES ($1, '2026-06-17', 2)", number)
    world.clock.move_to(MIDNIGHT + 1)

    await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True, error="test"))

    rows = await world.rows("SELECT used FROM caller_id_use ORDER BY day")
    assert [row["used"] for row in rows] == [0, 2]


@pytest.mark.parametrize("outcome", ["unknown", "not_reached", "number_blocked"])
async def test_every_call_that_may_have_left_counts(world: World, outcome: str) -> None:
    """RELIABILITY I11, I12: unknowns count as calls."""
    [number] = await a_pool(world, 3)
    armed = await world.an_armed_attempt()

    await world.settle(an_end(armed.attempt_id, world.now_ms, outcome))

    assert await used(world) == {number: 1}


async def test_a_number_at_rest_is_not_shown_before_its_rest_is_over(world: World) -> None:
    """Caller ids are rested before they burn; the loop waits for the rest, not for midnight."""
    await a_pool(world, 5, rest_until=to_datetime(TUESDAY_2PM + HOUR))
    [loop_id] = await due_leads(world, 1)

    result = await world.arm(await claims_of(world, [loop_id]))

    assert (result.armed, result.reasons) == ([], {"caller_ids_spent": 1})
    [placing] = result.placings
    assert TUESDAY_2PM + HOUR <= placing.due_at_ms < TUESDAY_2PM + 2 * HOUR


async def test_a_lead_sees_the_number_that_it_saw_last(world: World) -> None:
    """API 4, step.caller_id: sticky."""
    numbers = await a_pool(world, 5, 5, strategy="sticky")
    armed = await world.an_armed_attempt()
    await world.run("UPDATE caller_id_use SET used = 4 WHERE caller_id_id = $1", numbers[0])
    await world.settle(an_end(armed.attempt_id, world.now_ms))
    await world.run("UPDATE loop SET next_at = $1", to_datetime(world.now_ms))
    await world.run("UPDATE loop SET lead_version = lead.version FROM lead WHERE lead.lead_id = loop.lead_id")

    [again] = (await world.arm([await world.claim_of(armed.loop_id)])).armed

    assert (again.n, again.caller_id) == (2, armed.caller_id)


async def test_two_agents_with_pools_of_their_own_count_apart(world: World) -> None:
    """A lane behind a spent pool is parked; those of other pools go on."""
    await a_pool(world, 1)
    other = await create_agent(
        world.stores.database, account_id=world.account_id, name="Bo",
        auto_dialer={"strategy": "followup"}, now_ms=world.now_ms,
    )  # fmt: skip
    await a_pool(world, 5, agent_id=other)
    numbers = phones(8)
    await world.enrol(numbers[:4], priority=Priority.LIVE)
    await world.enrol(numbers[4:], priority=Priority.LIVE, agent_id=other)

    while await world.dial():
        pass

    shown = await world.rows("SELECT caller_id, count(*) AS n FROM attempt GROUP BY 1 ORDER BY 2")
    assert [(row["caller_id"], row["n"]) for row in shown] == [(OURS[0], 1), (OURS[1], 4)]
    assert await world.waiting_on_wheel() == 3
    assert await world.dial() == 0


async def test_the_provider_is_told_the_number_and_its_ledger_shows_no_day_above_a_cap(
    open_world: OpenWorld,
) -> None:
    """Row 8, judged by what rang: a week of follow-ups under two numbers of 4 calls a day."""
    world = await open_world(model=NOBODY_ANSWERS, auto_dialer={"strategy": "followup", "max_attempts": 3})
    await a_pool(world, 4, 4)
    await world.enrol(phones(10), priority=Priority.LIVE)

    async def on_step() -> None: ...

    assert await world.stepper().play(asyncio.Event(), on_step)
    assert (await world.books()).waiting == 0

    days = Counter((ring.caller_id, day_of(NEW_YORK, ring.at_ms)) for ring in world.provider.rings)
    assert sum(days.values()) >= 20
    assert {number for number, _ in days} == set(OURS[:2])
    assert max(days.values()) <= 4
    verdict = await world.verdict()
    assert (verdict.doubled, verdict.outside_hours, verdict.over_cap) == (0, 0, 0)


async def test_a_trunk_of_two_calls_never_carries_three_over_two_agents(world: World) -> None:
    """I12: concurrent calls per trunk."""
    trunk_id = await create_trunk(
        world.stores.database, account_id=world.account_id, name="T", max_concurrent=2, now_ms=world.now_ms
    )
    other = await create_agent(
        world.stores.database, account_id=world.account_id, name="Bo",
        auto_dialer={"strategy": "followup"}, now_ms=world.now_ms,
    )  # fmt: skip
    await world.run("UPDATE agent SET trunk_id = $1", trunk_id)
    numbers = phones(12)
    await world.enrol(numbers[:6], priority=Priority.LIVE)
    await world.enrol(numbers[6:], priority=Priority.LIVE, agent_id=other)

    seen = 0
    for _ in range(60):
        await world.dial()
        live = await world.value("SELECT count(*) FROM attempt WHERE state NOT IN ('done', 'not_sent')")
        assert live <= 2
        seen = max(seen, live)
        if await world.value("SELECT count(*) FROM attempt WHERE state = 'done' AND n = 1") == 12:
            break
        due_ms = world.provider.next_event_at()
        if due_ms is not None:
            world.clock.move_to(max(world.now_ms, due_ms))
        await world.carry()

    assert seen == 2
    assert await world.value("SELECT count(DISTINCT agent_id) FROM attempt WHERE n = 1") == 2
    assert await world.value("SELECT count(*) FROM attempt WHERE state = 'done' AND n = 1") == 12


async def test_a_paused_trunk_stops_its_agents_even_where_the_wheel_does_not_know(world: World) -> None:
    """I9, in the storage: the arm asks the ledger, and the wheel is told."""
    trunk_id = await create_trunk(
        world.stores.database, account_id=world.account_id, name="T", now_ms=world.now_ms
    )
    await world.run("UPDATE agent SET trunk_id = $1", trunk_id)
    [loop_id] = await due_leads(world, 1)
    await world.run("UPDATE trunk SET paused = true")

    result = await world.arm(await claims_of(world, [loop_id]))

    assert (result.armed, result.reasons) == ([], {"trunk_paused": 1})
    assert await world.dial() == 0
    await world.run("UPDATE trunk SET paused = false")
    await world.flow.lanes.shape_routes([world.agent_id], world.now_ms)
    assert await world.dial() == 1


async def test_another_process_finds_a_new_route_by_itself(open_world: OpenWorld) -> None:
    """The calendars of a process that did not make the change put the lanes behind the new gates."""
    one, other = await open_world(), await open_world()
    await due_leads(one, 3)
    await other.services.calendars.step(one.now_ms)
    trunk_id = await create_trunk(
        one.stores.database, account_id=one.account_id, name="T", max_concurrent=1, now_ms=one.now_ms
    )
    await one.run("UPDATE agent SET trunk_id = $1", trunk_id)

    one.pass_time(RELOAD)
    await other.services.calendars.step(one.now_ms)

    assert await one.dial() == 1


async def test_a_rebuilt_wheel_counts_the_calls_under_way_at_their_trunk(world: World) -> None:
    """I12 I22: call slots come back first, those of trunks among them."""
    trunk_id = await create_trunk(
        world.stores.database, account_id=world.account_id, name="T", max_concurrent=1, now_ms=world.now_ms
    )
    await world.run("UPDATE agent SET trunk_id = $1", trunk_id)
    await due_leads(world, 2)
    assert await world.dial() == 1

    await world.flow.wheel.begin_rebuild(0)
    await world.services.sweeper.step(world.now_ms)

    assert await world.waiting_on_wheel() == 1
    with suppress(EpochNotReady):
        await world.dial()
    assert await world.dial() == 0


@pytest.mark.parametrize(
    ("caller_id", "shown"),
    [
        ({"pool": [1]}, [OURS[1]] * 3),  # by the place of the number among ours
        ({"strategy": "fixed"}, [OURS[0]] * 3),
        ({"strategy": "rotate", "pool": [1, 2]}, [OURS[1], OURS[2], OURS[1]]),
        ({"strategy": "sticky", "pool": [0, 1]}, [OURS[0], OURS[1], OURS[0]]),
        ({}, [OURS[0], OURS[1], OURS[2]]),  # as the pool has it: in turn
    ],
)
async def test_a_step_narrows_its_agents_pool_in_its_own_way(
    world: World, caller_id: dict[str, Any], shown: list[str]
) -> None:
    """MISSION C13: a caller id strategy for each step; its numbers are counted like any other."""
    numbers = await a_pool(world, 9, 9, 9)
    said = {**caller_id, "pool": [str(numbers[at]) for at in caller_id.get("pool", [])]}
    loops = await due_leads(world, 3, cadence_id=await world.a_cadence({"caller_id": said}))

    armed = (await world.arm(await claims_of(world, loops))).armed

    assert sorted(each.caller_id or "" for each in armed) == sorted(shown)
    assert sum((await used(world)).values()) == 3


async def test_a_step_whose_numbers_are_spent_waits_for_them_and_keeps_nobody_else(world: World) -> None:
    """I12: a hard cap; the pool's other numbers are not the step's."""
    numbers = await a_pool(world, 1, 9)
    step = {"caller_id": {"pool": [str(numbers[0])]}}
    loops = await due_leads(world, 3, cadence_id=await world.a_cadence(step))

    result = await world.arm(await claims_of(world, loops))

    assert [each.caller_id for each in result.armed] == [OURS[0]]
    waiting = [loop for loop in loops if loop != result.armed[0].loop_id]
    for loop_id in waiting:
        assert to_ms((await world.loop(loop_id))["next_at"]) >= MIDNIGHT
    other = await world.a_due_loop(phones(4)[3])
    assert [each.caller_id for each in (await world.arm(await claims_of(world, [other]))).armed] == [OURS[1]]
