"""What people ask for in calls, and what people of ours set, along a lead's way (P16, D29)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scheduler.errors import Refused
from scheduler.flow.callbacks import cancel_callback, schedule_callback
from scheduler.flow.loop_next import reschedule_next, skip_next
from scheduler.flow.manual_call import call_now
from scheduler.flow.replan import replan_loops
from scheduler.flow.settle import Report
from scheduler.flow.throttle import Throttle
from scheduler.ledger.callbacks import When
from scheduler.ledger.instants import to_datetime, to_ms
from tests.builders import ACTOR, DAY, HOUR, MINUTE, TUESDAY_2PM, World, an_end, phones
from tests.flow.test_pacing import change, send
from tests.worlds import OpenWorld

ASKED = {"disposition": "callback", "callback_at_ms": TUESDAY_2PM + 2 * HOUR}
PERMIT_S = 0.2


async def schedule(world: World, lead_id: int, at_ms: int) -> int:
    scheduled = await schedule_callback(
        world.flow,
        world.clock,
        account_id=world.account_id,
        lead_id=lead_id,
        when=When(at_ms),
        note="",
        source="test",
        actor=ACTOR,
        permit_s=PERMIT_S,
    )
    return scheduled.number


def of_loop(world: World, loop_id: int) -> dict[str, Any]:
    return {
        "account_id": world.account_id,
        "loop_id": loop_id,
        "reason": None,
        "actor": ACTOR,
        "permit_s": PERMIT_S,
    }


async def callbacks(world: World) -> list[tuple[str, int]]:
    rows = await world.rows("SELECT status, at FROM callback ORDER BY callback_id")
    return [(row["status"], to_ms(row["at"])) for row in rows]


async def arm_again(world: World, loop_id: int) -> Any:
    result = await world.arm([await world.claim_of(loop_id)])
    [armed] = result.armed
    return armed


async def test_what_a_provider_reports_is_a_callback_until_it_is_made(world: World) -> None:
    """D29: answered, "call me later"."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "answered", **ASKED))
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "answered", **ASKED))  # told twice
    row = await world.row("SELECT attempt_id, loop_id, status, source FROM callback")
    assert tuple(row) == (armed.attempt_id, armed.loop_id, "scheduled", "call")

    world.pass_time(2 * HOUR)
    again = await arm_again(world, armed.loop_id)
    await world.settle(an_end(again.attempt_id, world.now_ms))

    assert await callbacks(world) == [("done", TUESDAY_2PM + 2 * HOUR)]


async def test_a_call_that_ends_its_loop_promises_no_other(world: World) -> None:
    armed = await world.an_armed_attempt()
    await world.next_version('auto_dialer = \'{"strategy": "followup", "max_attempts": 1}\'')

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "answered", **ASKED))

    assert (await world.loop(armed.loop_id))["end_reason"] == "max_attempts"
    assert await callbacks(world) == []


async def test_a_wish_told_while_a_call_is_armed_survives_that_it_was_never_sent(world: World) -> None:
    """The loop goes back to what it was, and is planned for the wish before anything is dialled."""
    armed = await world.an_armed_attempt()
    loop = await world.loop(armed.loop_id)
    at_ms = TUESDAY_2PM + DAY
    await schedule(world, loop["lead_id"], at_ms)

    await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))
    result = await world.arm([await world.claim_of(armed.loop_id)])

    assert (result.armed, result.reasons) == ([], {"outdated": 1})
    loop = await world.loop(armed.loop_id)
    assert (loop["next_kind"], to_ms(loop["next_at"]), loop["asked_in_call"]) == ("callback", at_ms, False)


async def test_a_wish_told_in_the_call_and_reported_after_it_is_one(world: World) -> None:
    armed = await world.an_armed_attempt()
    lead_id = (await world.loop(armed.loop_id))["lead_id"]
    await schedule(world, lead_id, ASKED["callback_at_ms"])  # type: ignore[arg-type]

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "completed", **ASKED))

    assert await callbacks(world) == [("scheduled", TUESDAY_2PM + 2 * HOUR)]
    assert to_ms((await world.loop(armed.loop_id))["next_at"]) == TUESDAY_2PM + 2 * HOUR


async def test_what_is_said_in_a_manual_call_counts_more_than_what_was_said_before(world: World) -> None:
    [enrolled] = await world.enrol()
    assert enrolled.loop_id is not None
    await schedule(world, enrolled.lead_id, TUESDAY_2PM + DAY)
    await call_now(
        world.flow, world.clock, account_id=world.account_id, lead_id=enrolled.lead_id, agent_id=None,
        acknowledged=False, reason="", enrol=False, actor=ACTOR,
    )  # fmt: skip
    armed = await arm_again(world, enrolled.loop_id)

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "completed", **ASKED))

    assert await callbacks(world) == [
        ("canceled", TUESDAY_2PM + DAY),
        ("scheduled", TUESDAY_2PM + 2 * HOUR),
    ]
    async with world.stores.database.transaction() as on:
        await replan_loops(world.flow, world.stores.database, [enrolled.loop_id], world.now_ms, on)
    assert to_ms((await world.loop(enrolled.loop_id))["next_at"]) == TUESDAY_2PM + 2 * HOUR


async def test_after_three_callbacks_a_person_of_ours_is_asked_unless_one_has_said_when(world: World) -> None:
    """MISSION: after 3 postponed callbacks the next step is asked of a person."""
    loop_id = await world.a_due_loop()
    for _ in range(3):
        armed = await arm_again(world, loop_id)
        at_ms = world.now_ms + DAY
        asked = {"disposition": "callback", "callback_at_ms": at_ms}
        await world.settle(an_end(armed.attempt_id, world.now_ms, "answered", **asked))
        world.clock.move_to(at_ms)
    loop = await world.loop(loop_id)
    assert loop["next_kind"] != "callback", "it goes on by itself only when nobody answers"

    await schedule(world, loop["lead_id"], world.now_ms + HOUR)

    loop = await world.loop(loop_id)
    assert (loop["next_kind"], to_ms(loop["next_at"])) == ("callback", world.now_ms + HOUR)


async def test_a_lead_called_once_is_afterwards_what_it_was_before(world: World) -> None:
    [enrolled] = await world.enrol()
    await world.run("UPDATE loop SET status = 'ended', next_at = NULL, end_reason = 'converted'")
    await world.run("UPDATE lead SET status = 'converted', agent_id = $1", world.agent_id)
    await schedule(world, enrolled.lead_id, TUESDAY_2PM)
    loop = await world.row("SELECT loop_id, once FROM loop WHERE status <> 'ended'")
    assert loop["once"]

    armed = await arm_again(world, loop["loop_id"])
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "not_reached"))

    assert (await world.loop(loop["loop_id"]))["end_reason"] == "removed"
    assert await world.value("SELECT status FROM lead") == "converted"


async def test_who_has_a_time_of_their_own_keeps_it_when_their_batch_is_spread_anew(
    open_world: OpenWorld,
) -> None:
    """A person of ours set it: the pace of the batch is for the others."""
    world = await open_world()
    await send(world, phones(20), Throttle(max_per_min=60))
    loop_id = await world.value("SELECT min(loop_id) FROM loop")
    at_ms = TUESDAY_2PM + 90 * MINUTE
    await reschedule_next(world.flow, world.clock, at_ms=at_ms, **of_loop(world, loop_id))

    await change(world, max_per_min=None, spread_over_s=600)

    assert to_ms((await world.loop(loop_id))["next_at"]) == at_ms
    moved = await world.value("SELECT count(*) FROM loop WHERE next_at <= $1", world_time(world, 10 * MINUTE))
    assert moved == 19


def world_time(world: World, later_ms: int) -> Any:
    return to_datetime(world.now_ms + later_ms)


async def do(world: World, what: str, loop_id: int, lead_id: int, number: int | None) -> None:
    """One of the changes that people of ours make to what comes next."""
    later_ms = TUESDAY_2PM + DAY
    if what == "reschedule":
        await reschedule_next(world.flow, world.clock, at_ms=later_ms, **of_loop(world, loop_id))
    elif what == "skip":
        await skip_next(world.flow, world.clock, **of_loop(world, loop_id))
    elif what == "schedule":
        await schedule(world, lead_id, later_ms)
    else:
        assert number is not None
        named = {"account_id": world.account_id, "actor": ACTOR, "permit_s": PERMIT_S}
        await cancel_callback(world.flow, world.clock, number=number, **named)


@pytest.mark.parametrize("what", ["reschedule", "skip", "schedule", "cancel"])
async def test_many_arms_race_a_change_and_none_dials_after_it_was_answered(
    open_world: OpenWorld, what: str
) -> None:
    """RELIABILITY 3.3: a claim from before the change dials before it is answered, or not at all."""
    dialer, api = await open_world(), await open_world()
    first, *loops = [await dialer.a_due_loop(number) for number in phones(17)]
    leads = {loop_id: (await dialer.loop(loop_id))["lead_id"] for loop_id in (first, *loops)}
    made = {
        loop_id: await schedule(api, lead_id, TUESDAY_2PM)
        for loop_id, lead_id in leads.items()
        if what == "cancel"
    }
    await do(api, what, first, leads[first], made.get(first))  # its lanes are known now
    claims = {loop_id: await dialer.claim_of(loop_id) for loop_id in loops}
    answered: set[int] = set()
    refused: list[str] = []
    armed: set[int] = set()
    late: list[int] = []

    async def racing_arm(loop_id: int) -> None:
        result = await dialer.arm([claims[loop_id]])
        if result.armed:
            armed.add(loop_id)
            if loop_id in answered:
                late.append(loop_id)

    async def racing_change(loop_id: int) -> None:
        try:
            await do(api, what, loop_id, leads[loop_id], made.get(loop_id))
        except Refused as error:
            refused.append(error.code)
        else:
            if what != "cancel":  # what comes next may be due now: only the callback is not made
                answered.add(loop_id)

    racers = [(racing_arm, racing_change), (racing_change, racing_arm)]
    await asyncio.gather(*(race(loop_id) for at, loop_id in enumerate(loops) for race in racers[at % 2]))

    assert late == []
    assert set(refused) <= {"lead-busy"}
    for loop_id in set(loops) - armed:
        assert (await dialer.loop(loop_id))["status"] in ("scheduled", "waiting_callback")
    kinds = {row["kind"] for row in await dialer.rows("SELECT kind FROM attempt WHERE state = 'armed'")}
    assert kinds <= {"first"} | ({"callback"} if what == "cancel" else set())
