"""The arm gives a permit, or a reason and a later time (DESIGN 5, step 2)."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from scheduler.domain.model import Priority
from scheduler.domain.time import HOUR, MINUTE
from scheduler.flow.settle import Report
from scheduler.ledger.epochs import lock_leads_of
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.services.rebuild import rebuild
from scheduler.wheel import Claim, Placing
from tests.builders import PHONE, TUESDAY_2PM, World, an_end, phones
from tests.worlds import OpenWorld


async def test_a_loop_that_nothing_forbids_gets_one_permit(world: World) -> None:
    """I2: the permit, its instant, its end and its holder are in the append-only table of arms."""
    loop_id = await world.a_due_loop()
    permit = UUID(int=5)

    result = await world.arm([await world.claim_of(loop_id)], permit=permit)

    [armed] = result.armed
    assert (armed.n, armed.phone, armed.permit) == (1, PHONE, permit)
    assert (result.refused, result.placings, result.reasons) == ([], [], {})
    given = await world.row("SELECT * FROM arm")
    assert (given["attempt_id"], given["permit"], given["worker"]) == (armed.attempt_id, permit, "w")
    assert given["armed_at"] == to_datetime(world.now_ms)
    assert to_ms(given["not_after"]) == armed.not_after_ms
    assert (await world.loop(loop_id))["status"] == "dialing"


async def test_a_permit_ends_a_minute_before_the_hours_do(world: World) -> None:
    """I7: 18:00 in New York closes the default week; the margin is 60 s."""
    armed = await world.an_armed_attempt()

    assert armed.not_after_ms == TUESDAY_2PM + 4 * HOUR - MINUTE


async def test_an_instant_that_is_not_the_planned_one_is_dropped(world: World) -> None:
    """I6: a newer plan exists, and it is on the wheel already: nothing is placed for the older one."""
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    older = Claim(claim.lane_id, loop_id, claim.due_at_ms - 1, "c", 0)

    result = await world.arm([older])

    assert (result.armed, result.placings, result.reasons) == ([], [], {"stale": 1})
    assert result.refused == [older]
    assert (await world.loop(loop_id))["status"] == "scheduled"


@pytest.mark.parametrize(
    ("reason", "hold"),
    [
        ("account_paused", "UPDATE account SET paused = true"),
        ("agent_paused", "UPDATE agent SET paused = true"),
        ("batch_paused", "UPDATE batch SET status = 'paused'"),
    ],
)
async def test_what_is_paused_is_refused_and_does_not_come_straight_back(
    world: World, reason: str, hold: str
) -> None:
    """I9: with the pause known to the ledger alone, one refusal teaches the wheel."""
    loop_id = await world.a_due_loop(batch_id=await world.a_batch())
    await world.run(hold)

    assert await world.dial() == 1
    assert await world.attempts(loop_id) == []
    assert await world.dial() == 0
    assert await world.waiting_on_wheel() == 1


async def test_a_suppressed_phone_is_refused_and_its_loop_ends(world: World) -> None:
    """I8: the suppression alone is enough, whoever wrote it."""
    loop_id = await world.a_due_loop()
    await world.run(
        "INSERT INTO suppression VALUES ($1, $2, 'asked', 'test', now())", world.account_id, PHONE
    )

    result = await world.arm([await world.claim_of(loop_id)])

    assert (result.armed, result.placings, result.reasons) == ([], [], {"dnc": 1})
    loop = await world.loop(loop_id)
    assert (loop["status"], loop["end_reason"], loop["next_at"]) == ("ended", "dnc", None)
    assert await world.value("SELECT status FROM lead") == "opted_out"


async def test_an_older_policy_is_planned_anew_and_armed_at_once_if_it_is_still_due(world: World) -> None:
    """I10: the attempt bears the version it was really planned under."""
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    await world.next_version()

    result = await world.arm([claim])

    [armed] = result.armed
    assert result.refused == []
    [attempt] = await world.attempts(loop_id)
    assert (attempt["attempt_id"], attempt["policy_version"]) == (armed.attempt_id, 2)


async def test_an_older_policy_whose_new_plan_is_later_waits_for_it(world: World) -> None:
    """I10: windows that open tomorrow only hold from this very claim on."""
    loop_id = await world.a_due_loop()
    tomorrow = '{"wed": {"enabled": true, "ranges": [{"start": "09:00", "end": "18:00"}]}}'
    await world.next_version(f"windows = '{tomorrow}'")

    result = await world.arm([await world.claim_of(loop_id)])

    assert (result.armed, result.reasons) == ([], {"outdated": 1})
    [placing] = result.placings
    assert placing.due_at_ms >= TUESDAY_2PM + 19 * HOUR
    loop = await world.loop(loop_id)
    assert (to_ms(loop["next_at"]), loop["policy_version"]) == (placing.due_at_ms, 2)


async def test_a_contact_that_came_in_between_makes_the_plan_outdated(world: World) -> None:
    """I11: three calls in the last day, made by whomever, and the fourth waits for the cap."""
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    earlier = [to_datetime(TUESDAY_2PM - hours * HOUR) for hours in (5, 4, 3)]
    await world.run("UPDATE lead SET contacts = $1, version = version + 1", earlier)

    result = await world.arm([claim])

    assert (result.armed, result.reasons) == ([], {"outdated": 1})
    [placing] = result.placings
    assert placing.due_at_ms > TUESDAY_2PM - 5 * HOUR + 24 * HOUR


async def test_a_closed_window_moves_the_loop_to_the_next_opening(world: World) -> None:
    """I7: what came due while nothing ran is not called after hours."""
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    world.pass_time(4 * HOUR - MINUTE + 1)

    result = await world.arm([claim])

    assert (result.armed, result.reasons) == ([], {"closed": 1})
    [placing] = result.placings
    assert placing.due_at_ms >= TUESDAY_2PM + 19 * HOUR


async def test_the_last_millisecond_before_the_margin_still_arms(world: World) -> None:
    """I7: the border is the margin itself."""
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    world.pass_time(4 * HOUR - MINUTE)

    [armed] = (await world.arm([claim])).armed

    assert armed.not_after_ms == world.now_ms


async def test_a_margin_wider_than_the_planners_room_does_not_spin(open_world: OpenWorld) -> None:
    """DESIGN 5, step 2: a refusal never comes straight back, whatever the margin is set to."""
    world = await open_world(close_margin_s=300)
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)
    world.pass_time(4 * HOUR - 4 * MINUTE)

    result = await world.arm([claim])

    assert (result.armed, result.reasons) == ([], {"closed": 1})
    [placing] = result.placings
    assert placing.due_at_ms > world.now_ms
    assert to_ms((await world.loop(loop_id))["next_at"]) == placing.due_at_ms


async def test_a_lead_in_a_call_is_not_called_on_another_line(world: World) -> None:
    """I4: the loop of before ended while its call was under way; the new one waits."""
    armed = await world.an_armed_attempt()
    await world.run("UPDATE loop SET status = 'ended', end_reason = 'removed'")
    loop_id = await _another_loop(world, armed.loop_id)

    result = await world.arm([await world.claim_of(loop_id)])

    assert (result.armed, result.reasons) == ([], {"lead_busy": 1})
    [placing] = result.placings
    assert placing.due_at_ms >= world.now_ms + MINUTE


async def test_a_busy_lead_whose_plan_is_outdated_too_does_not_spin(world: World) -> None:
    """DESIGN 5, step 2: planned anew it is due now, and still may not be called now."""
    armed = await world.an_armed_attempt()
    await world.run("UPDATE loop SET status = 'ended', end_reason = 'removed'")
    loop_id = await _another_loop(world, armed.loop_id)
    await world.next_version()

    result = await world.arm([await world.claim_of(loop_id)])

    assert (result.armed, result.reasons) == ([], {"outdated": 1})
    [placing] = result.placings
    assert placing.due_at_ms > world.now_ms


async def test_what_is_claimed_early_goes_back_to_its_instant(world: World) -> None:
    """RELIABILITY 3.5: a wheel whose clock runs ahead costs a claim, not an early call."""
    loop_id = await world.a_due_loop()
    claim = await world.claim_of(loop_id)

    result = await world.arm([claim], at_ms=TUESDAY_2PM - 1)

    assert (result.armed, result.reasons) == ([], {"early": 1})
    [placing] = result.placings
    assert placing.due_at_ms == TUESDAY_2PM


async def test_two_dialers_with_one_claim_give_one_permit(open_world: OpenWorld) -> None:
    """I1: two processes arm the same twenty loops at the same time, in opposite orders."""
    one, other = await open_world(), await open_world()
    loops = [row.loop_id for row in await one.enrol(phones(20))]
    await one.run("UPDATE loop SET next_at = $1", to_datetime(TUESDAY_2PM))
    claims = [await one.claim_of(loop_id) for loop_id in loops]

    results = await asyncio.gather(one.arm(claims), other.arm(claims[::-1]))

    armed = [item.loop_id for result in results for item in result.armed]
    assert sorted(armed) == sorted(loops)
    assert sum(result.reasons.get("in_call", 0) for result in results) == 20
    assert await one.value("SELECT count(*) FROM arm") == 20


async def test_a_permit_that_was_not_used_is_given_again_under_the_same_number(world: World) -> None:
    """I2 I6: not_sent consumes no attempt; the new permit is another one, and both are on record."""
    first = await world.an_armed_attempt()
    await world.settle(_not_sent(first.attempt_id, first.permit))
    assert (await world.loop(first.loop_id))["status"] == "scheduled"

    [again] = (await world.arm([await world.claim_of(first.loop_id)])).armed

    assert (again.attempt_id, again.n) == (first.attempt_id, 1)
    assert again.permit != first.permit
    permits = [row["permit"] for row in await world.rows("SELECT permit FROM arm ORDER BY armed_at")]
    assert set(permits) == {first.permit, again.permit}


async def test_an_attempt_that_is_over_is_never_armed_again(world: World) -> None:
    """I5 I6: even where a loop had lost count of its attempts, the ledger of attempts is not overwritten."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))
    await world.run("UPDATE loop SET attempts = 0, next_at = $1", to_datetime(TUESDAY_2PM))
    claim = await world.claim_of(armed.loop_id)

    result = await world.arm([claim])

    assert (result.armed, result.refused, result.placings) == ([], [claim], [])
    assert (await world.attempts(armed.loop_id))[0]["outcome"] == "not_reached"


async def test_a_claim_of_a_call_under_way_keeps_its_slot(open_world: OpenWorld) -> None:
    """I12: a lease that ran out hands the loop to another dialer; refusing it frees nothing of the call's."""
    world = await open_world(account={"max_concurrent": 1})
    armed = await world.an_armed_attempt()
    assert await world.calls_on_wheel() == 1
    late = armed.claim
    await world.flow.wheel.place([_placing(late)], world.now_ms)

    assert await world.dial() == 0, "the account's one slot is taken"
    await world.run("UPDATE account SET max_concurrent = 2")
    await world.flow.lanes.shape_account(world.account_id, world.now_ms)
    assert await world.dial() == 1

    assert await world.calls_on_wheel() == 1


async def test_a_loop_that_waited_on_two_lanes_is_armed_once_and_keeps_no_lease(world: World) -> None:
    """I1 I16: a sweep that read the ledger before a plan changed lanes leaves the loop on both."""
    loop_id = await world.a_due_loop()
    other_loop = (await world.enrol([phones(2)[1]], priority=Priority.BULK))[0].loop_id
    assert other_loop is not None
    other_lane = (await world.loop(other_loop))["lane_id"]
    await world.flow.wheel.place([Placing(0, other_lane, loop_id, world.now_ms)], world.now_ms)

    assert await world.dial() == 3

    assert await world.value("SELECT count(*) FROM arm") == 2
    assert (await world.flow.wheel.counts(0, world.now_ms)).leased == 0


async def test_refused_claims_give_their_slots_back(open_world: OpenWorld) -> None:
    """I12 the other way: what was dropped holds nothing back."""
    world = await open_world(account={"max_concurrent": 1})
    loop_id = await world.a_due_loop()
    await world.run("UPDATE loop SET next_at = next_at + interval '1 hour'")

    assert await world.dial() == 1

    assert await world.attempts(loop_id) == []
    assert await world.calls_on_wheel() == 0


async def test_the_lease_of_a_refused_claim_is_over(world: World) -> None:
    """I16: a refusal leaves no lease to run out."""
    await world.a_due_loop()
    await world.run("UPDATE agent SET paused = true")

    await world.dial()

    assert (await world.flow.wheel.counts(0, world.now_ms)).leased == 0


def _placing(claim: Claim) -> Placing:
    return Placing(claim.shard, claim.lane_id, claim.loop_id, claim.due_at_ms)


def _not_sent(attempt_id: int, permit: UUID) -> Report:
    return Report(attempt_id, permit=permit, not_sent=True, error="test")


async def _another_loop(world: World, like: int) -> int:
    """A second follow-up of the same lead, due now."""
    return await world.value(
        "INSERT INTO loop (lead_id, account_id, agent_id, status, lane_id, next_at, open_until, next_kind,"
        " next_step, next_channel, policy_version, lead_version, started_at)"
        " SELECT lo.lead_id, lo.account_id, lo.agent_id, 'scheduled', lo.lane_id, $2,"
        " $2::timestamptz + interval '1 hour', 'first', 0, 'call', lo.policy_version, le.version, $2"
        " FROM loop AS lo JOIN lead AS le USING (lead_id) WHERE loop_id = $1 RETURNING loop_id",
        like,
        to_datetime(world.now_ms),
    )


async def test_a_claim_of_before_a_rebuild_is_not_armed(world: World) -> None:
    """I12: the new wheel knows no slot of it. Its loop waits on the wheel that was built anew."""
    loop_id = await world.a_due_loop()
    [claim] = await world.claim()
    await world.flow.wheel.begin_rebuild(0)
    await world.services.sweeper.step(world.now_ms)

    result = await world.arm([claim])

    assert result.armed == []
    assert result.refused == [claim]
    assert result.reasons == {"lost": 1}
    [again] = await world.claim()
    assert (again.loop_id, again.epoch) != (loop_id, claim.epoch)
    assert [armed.loop_id for armed in (await world.arm([again])).armed] == [loop_id]


async def test_a_rebuild_waits_for_the_arms_under_way(world: World) -> None:
    """I12: what they arm is under way, and its slots are restored."""
    await world.a_due_loop()
    [claim] = await world.claim()
    async with world.stores.ledger.transaction() as on:
        await lock_leads_of(world.stores.ledger, [claim.loop_id], [0], on)
        rebuilding = asyncio.create_task(
            rebuild(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR, whole_too=True)
        )
        while not await world.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not rebuilding.done()
    assert await rebuilding == 1
