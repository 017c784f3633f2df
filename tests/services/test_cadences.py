"""Versions of cadences that running loops go over to, and cadences put away."""

from __future__ import annotations

from typing import Any

from scheduler.domain.time import DAY, HOUR
from scheduler.ledger.cadences import apply_latest
from scheduler.ledger.instants import to_ms
from scheduler.ledger.jobs import create_job, job
from scheduler.services.cadences import replan_cadence
from scheduler.services.jobs import Jobs
from tests.builders import TUESDAY_2PM, World, an_end, phones

H, D = 3_600, 86_400
FIRST: dict[str, Any] = {"id": 1, "name": "one", "delay_after_s": D}
SECOND: dict[str, Any] = {"id": 2, "name": "two", "delay_after_s": D}
THIRD: dict[str, Any] = {"id": 3, "name": "three"}


async def at_the_second(world: World, cadence_id: int, number: str) -> int:
    """A loop whose first step was dialled at two on Tuesday, and whose second is planned."""
    [found] = await world.enrol([number], cadence_id=cadence_id)
    assert found.loop_id is not None
    [armed] = (await world.arm([await world.claim_of(found.loop_id)])).armed
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))
    return found.loop_id


async def apply(world: World, cadence_id: int) -> None:
    async with world.stores.database.transaction() as on:
        await apply_latest(world.stores.database, on, world.account_id, cadence_id, world.now_ms)


async def run_job(world: World, cadence_id: int) -> Any:
    job_id = await create_job(
        world.stores.database,
        account_id=world.account_id,
        kind="cadence",
        args={"cadence_id": cadence_id},
        now_ms=world.now_ms,
    )
    jobs = Jobs(world.flow, world.clock, world.stores.settings, {"cadence": replan_cadence})
    await jobs.step(world.now_ms)
    return await job(world.stores.database, world.account_id, job_id)


async def claimed_now(world: World) -> list[int]:
    """Loops that the wheel hands out for this very instant: what is left of their first step is older."""
    return sorted(claim.loop_id for claim in await world.claim() if claim.due_at_ms == world.now_ms)


async def test_a_version_for_new_loops_leaves_the_others_as_they_are(world: World) -> None:
    """MISSION, "Edit while active": new loops only."""
    cadence_id = await world.a_cadence(FIRST, SECOND)
    one, two = phones(2)
    old = await at_the_second(world, cadence_id, one)
    await world.publish(cadence_id, {"steps": [FIRST]})

    new = await at_the_second(world, cadence_id, two)
    world.pass_time(DAY)
    result = await world.arm([await world.claim_of(old)])

    assert (result.reasons, len(result.armed)) == ({}, 1)
    assert (await world.loop(old))["cadence_version"] == 1
    assert (await world.loop(new))["cadence_version"] == 2
    assert (await world.loop(new))["end_reason"] == "cadence_complete"


async def test_a_version_for_all_loops_holds_from_the_next_claim(world: World) -> None:
    """I10: what was planned under the version before gets no permit; the loop keeps its place, here behind
    the first step, which leads to another one by now."""
    cadence_id = await world.a_cadence(FIRST, SECOND, THIRD)
    loop_id = await at_the_second(world, cadence_id, phones(1)[0])
    await world.publish(cadence_id, {"steps": [{**FIRST, "delay_after_s": 2 * D}, THIRD, SECOND]})
    await apply(world, cadence_id)

    world.pass_time(DAY)
    result = await world.arm([await world.claim_of(loop_id)])

    assert (result.reasons, result.armed) == ({"outdated": 1}, [])
    loop = await world.loop(loop_id)
    assert (loop["cadence_version"], loop["next_step"]) == (2, 1)
    assert to_ms(loop["next_at"]) == TUESDAY_2PM + 2 * DAY
    world.pass_time(DAY)
    [armed] = (await world.arm([await world.claim_of(loop_id)])).armed
    [_, attempt] = await world.attempts(loop_id)
    assert (armed.n, attempt["step"], attempt["cadence_version"]) == (2, 1, 2)


async def test_a_step_that_is_gone_is_followed_by_the_one_behind_it(world: World) -> None:
    """MISSION, "Edit while active": in its place, after the wait that it had."""
    cadence_id = await world.a_cadence(FIRST, SECOND, THIRD)
    loop_id = await at_the_second(world, cadence_id, phones(1)[0])
    await world.publish(cadence_id, {"steps": [SECOND, THIRD]})
    await apply(world, cadence_id)

    await run_job(world, cadence_id)

    loop = await world.loop(loop_id)
    assert (loop["next_step"], to_ms(loop["next_at"])) == (0, TUESDAY_2PM + DAY)


async def test_a_call_under_way_ends_in_the_version_that_was_published_meanwhile(world: World) -> None:
    """I10: what is planned with its end is planned under the new one."""
    cadence_id = await world.a_cadence(FIRST, SECOND)
    [found] = await world.enrol(phones(1), cadence_id=cadence_id)
    assert found.loop_id is not None
    [armed] = (await world.arm([await world.claim_of(found.loop_id)])).armed
    await world.publish(cadence_id, {"steps": [{**FIRST, "delay_after_s": 3 * H}, THIRD]})
    await apply(world, cadence_id)

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))

    loop = await world.loop(found.loop_id)
    assert (loop["cadence_version"], to_ms(loop["next_at"])) == (2, TUESDAY_2PM + 3 * HOUR)
    world.pass_time(3 * HOUR)
    assert (await world.arm([await world.claim_of(found.loop_id)])).reasons == {}


async def test_the_job_moves_every_waiting_loop_and_the_wheel_follows(world: World) -> None:
    """I20: the times that people see, a piece at a time; loops that the version ends are over."""
    cadence_id = await world.a_cadence(FIRST, SECOND, THIRD)
    loops = [await at_the_second(world, cadence_id, number) for number in phones(5)]
    await world.publish(cadence_id, {"steps": [{**FIRST, "delay_after_s": H // 2}, SECOND]})
    await apply(world, cadence_id)

    over = await run_job(world, cadence_id)

    assert (over["status"], over["done"], over["error"]) == ("done", 5, None)
    rows = await world.rows("SELECT cadence_version, next_at FROM loop WHERE loop_id = ANY($1)", loops)
    assert {(row["cadence_version"], to_ms(row["next_at"])) for row in rows} == {(2, TUESDAY_2PM + HOUR // 2)}
    world.pass_time(HOUR // 2)
    assert await claimed_now(world) == loops
    assert (await run_job(world, cadence_id))["done"] == 0


async def test_a_version_that_leads_on_hands_its_loops_over(world: World) -> None:
    """MISSION C11: the steps that were left are gone; what follows the cadence begins."""
    other = await world.a_cadence({})
    cadence_id = await world.a_cadence(FIRST, SECOND)
    loop_id = await at_the_second(world, cadence_id, phones(1)[0])
    done = {"action": "transition", "cadence_id": str(other), "delay_s": H}
    await world.publish(cadence_id, {"steps": [{**FIRST, "delay_after_s": 0}], "on_complete": done})
    await apply(world, cadence_id)

    assert (await run_job(world, cadence_id))["done"] == 1

    assert (await world.loop(loop_id))["end_reason"] == "transitioned"
    [loop] = await world.rows("SELECT * FROM loop WHERE status <> 'ended'")
    assert (loop["cadence_id"], to_ms(loop["next_at"])) == (other, TUESDAY_2PM + HOUR)
    world.pass_time(HOUR)
    assert await claimed_now(world) == [loop["loop_id"]]


async def test_what_is_claimed_while_its_cadence_leads_on_is_neither_lost_nor_armed(world: World) -> None:
    """I14: the arm plans it anew; the loop that begins with that waits for a claim of its own."""
    other = await world.a_cadence({})
    cadence_id = await world.a_cadence(FIRST, SECOND)
    loop_id = await at_the_second(world, cadence_id, phones(1)[0])
    done = {"action": "transition", "cadence_id": str(other)}
    await world.publish(cadence_id, {"steps": [{**FIRST, "delay_after_s": 0}], "on_complete": done})
    await apply(world, cadence_id)

    world.pass_time(DAY)
    result = await world.arm([await world.claim_of(loop_id)])

    [loop] = await world.rows("SELECT * FROM loop WHERE status <> 'ended'")
    assert (result.armed, [claim.loop_id for claim in result.refused]) == ([], [loop_id])
    assert [(placing.loop_id, placing.due_at_ms) for placing in result.placings] == [
        (loop["loop_id"], world.now_ms)
    ]


async def test_nobody_is_called_by_a_cadence_that_was_archived(world: World) -> None:
    """MISSION, "Deactivate": archive also ends loops; the call under way ends by itself."""
    cadence_id = await world.a_cadence(FIRST, SECOND)
    one, two, three = phones(3)
    waiting, claimed = [await at_the_second(world, cadence_id, number) for number in (one, two)]
    [calling] = await world.enrol([three], cadence_id=cadence_id)
    [armed] = (await world.arm([await world.claim_of(calling.loop_id or 0)])).armed
    await world.run("UPDATE cadence SET status = 'archived' WHERE cadence_id = $1", cadence_id)

    world.pass_time(DAY)
    result = await world.arm([await world.claim_of(claimed)])
    assert (result.reasons, result.armed) == ({"outdated": 1}, [])
    await world.settle(an_end(armed.attempt_id, world.now_ms))
    assert (await run_job(world, cadence_id))["done"] == 1

    for loop_id in (waiting, claimed, calling.loop_id):
        assert (await world.loop(loop_id or 0))["end_reason"] == "removed"
    assert await world.value("SELECT count(*) FROM attempt") == 3


async def test_a_cadence_that_was_switched_off_is_gone_through_to_its_end(world: World) -> None:
    """MISSION, "Deactivate": live loops finish."""
    cadence_id = await world.a_cadence(FIRST, SECOND)
    loop_id = await at_the_second(world, cadence_id, phones(1)[0])
    await world.run("UPDATE cadence SET status = 'inactive' WHERE cadence_id = $1", cadence_id)

    world.pass_time(DAY)
    [armed] = (await world.arm([await world.claim_of(loop_id)])).armed
    await world.settle(an_end(armed.attempt_id, world.now_ms))

    assert (await world.loop(loop_id))["end_reason"] == "cadence_complete"
    assert len(await world.attempts(loop_id)) == 2
