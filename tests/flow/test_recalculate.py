"""A change of settings over loops that wait: planned anew, written where nobody else was first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.job_kinds import KINDS
from scheduler.domain.model import Priority
from scheduler.flow import recalculate as recalculation
from scheduler.flow.impact import measure
from scheduler.flow.outlook import Outlooks, outlooks_of
from scheduler.flow.pause import Scope, pause, resume
from scheduler.flow.recalculate import KIND, read_piece, write_piece
from scheduler.flow.throttle import Throttle
from scheduler.ledger.instants import to_ms
from scheduler.ledger.jobs import create_job, job
from tests.builders import ACTOR, HOUR, MINUTE, PHONE, World, an_end, phones
from tests.flow.test_pacing import send
from tests.worlds import OpenWorld

MORNINGS = '{"wed": {"enabled": true, "ranges": [{"start": "09:00", "end": "10:00"}]}}'
FRIDAYS = MORNINGS.replace("wed", "fri")
TILL_FIVE = "{" + ", ".join(
    f'"{day}": {{"enabled": true, "ranges": [{{"start": "09:00", "end": "17:00"}}]}}'
    for day in ("mon", "tue", "wed", "thu", "fri")
) + "}"  # fmt: skip
ALWAYS = "{" + ", ".join(
    f'"{day}": {{"enabled": true, "ranges": [{{"start": "00:00", "end": "24:00"}}]}}'
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
) + "}"  # fmt: skip


async def change(world: World, windows: str) -> None:
    """The agent's windows; what is planned is outdated."""
    await world.next_version(f"windows = '{windows}'")


async def recalculate(world: World) -> dict[str, Any]:
    database = world.stores.database
    job_id = await create_job(
        database,
        account_id=world.account_id,
        kind=KIND,
        args={"agent_ids": [world.agent_id]},
        now_ms=world.now_ms,
    )
    await world.services.jobs[0].step(world.now_ms)
    return dict(await job(database, world.account_id, job_id))


async def read_outlooks(world: World) -> Outlooks:
    piece = await read_piece(world.flow, world.account_id, [world.agent_id], 0)
    return await outlooks_of(world.flow, piece.rows, world.now_ms)


async def outdated(world: World) -> int:
    return int(
        await world.value(
            "SELECT count(*) FROM loop AS lo JOIN agent AS ag USING (agent_id)"
            " WHERE lo.next_at IS NOT NULL AND lo.policy_version <> ag.policy_version"
        )
    )


def test_the_job_is_one_that_every_process_knows() -> None:
    assert KIND in KINDS


async def test_every_waiting_loop_is_planned_under_the_settings_of_now(world: World) -> None:
    """I20: stale-version rows reach 0."""
    enrolled = await world.enrol(phones(40))
    before = {each.loop_id: each.next_at_ms for each in enrolled}

    await change(world, MORNINGS)
    done = await recalculate(world)

    assert (done["status"], done["done"], done["total"], await outdated(world)) == ("done", 40, 40, 0)
    for row in await world.rows("SELECT loop_id, next_at, why FROM loop"):
        assert to_ms(row["next_at"]) > (before[row["loop_id"]] or 0)
        assert row["next_at"].weekday() == 2
        assert "dialer_window" in row["why"]


async def test_a_piece_written_in_many_parts_leaves_nobody_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I20, where pieces and parts end anywhere: each loop is planned and counted once."""
    monkeypatch.setattr(recalculation, "PIECE", 16)
    monkeypatch.setattr(recalculation, "PART", 3)
    await world.enrol(phones(37))

    await change(world, MORNINGS)
    done = await recalculate(world)

    assert (done["status"], done["done"], done["total"], await outdated(world)) == ("done", 37, 37, 0)


async def test_the_wheel_follows_to_the_new_instant_and_leaves_the_old_one(world: World) -> None:
    """What was due is not handed out any more; what is moved closer is, at once, and its lane is open."""
    loop_id = await world.a_due_loop()
    await change(world, MORNINGS)
    await recalculate(world)
    assert await world.claim() == []
    assert await world.waiting_on_wheel() == 0

    await change(world, ALWAYS)
    await recalculate(world)

    [claim] = await world.claim()
    assert (claim.loop_id, claim.due_at_ms) == (loop_id, to_ms((await world.loop(loop_id))["next_at"]))
    assert len((await world.arm([claim])).armed) == 1


async def test_a_plan_that_stays_is_left_as_it_is(world: World) -> None:
    """Only its version is new: no instant moves, no line of `why[]` is lost."""
    await world.enrol(phones(5))
    before = await world.rows("SELECT loop_id, next_at, open_until, why, lane_id FROM loop ORDER BY 1")

    await world.next_version()
    await recalculate(world)

    after = await world.rows("SELECT loop_id, next_at, open_until, why, lane_id FROM loop ORDER BY 1")
    assert (before, await outdated(world)) == (after, 0)


async def test_loops_that_ended_stay_ended_and_who_can_never_be_called_ends(world: World) -> None:
    """A change resurrects nobody; `no_callable_time` as the planner says."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, world.now_ms, "completed", disposition="converted"))
    [other] = await world.enrol(["+12125550177"])

    await change(world, '{"mon": {"enabled": true, "ranges": [{"start": "03:00", "end": "04:00"}]}}')
    found = await measure(
        world.flow,
        world.account_id,
        await world.flow.policies.read([world.agent_id]),
        world.now_ms,
        most=100,
    )
    await recalculate(world)

    assert (found.out, found.examined) == (1, 1)
    assert (await world.loop(armed.loop_id))["end_reason"] == "converted"
    ended = await world.loop(other.loop_id or 0)
    assert (ended["status"], ended["end_reason"], ended["next_at"]) == ("ended", "no_callable_time", None)
    assert await world.value("SELECT status FROM lead WHERE lead_id = $1", ended["lead_id"]) == "exhausted"


async def test_what_a_pause_has_spread_is_not_drawn_together_again(world: World) -> None:
    """The wheel's evenness outlives a change of settings that does not concern it."""
    await world.enrol(phones(30), priority=Priority.BULK)
    scope = Scope("account", world.account_id, world.account_id)
    await pause(world.flow, world.clock, scope, reason="x", actor=ACTOR, permit_s=0.0)
    world.pass_time(5 * MINUTE)
    await resume(world.flow, world.clock, scope, spread_over_s=1800, actor=ACTOR)
    spread = await world.rows("SELECT loop_id, next_at, why FROM loop ORDER BY 1")

    await change(world, ALWAYS)
    await recalculate(world)

    assert [(row["loop_id"], row["next_at"]) for row in spread] == [
        (row["loop_id"], row["next_at"])
        for row in await world.rows("SELECT loop_id, next_at FROM loop ORDER BY 1")
    ]
    assert len({row["next_at"] for row in spread}) == 30


async def test_a_paced_batch_stays_kept_back(world: World) -> None:
    """What the wheel cannot give out yet is not put on it by a change of settings."""
    await send(world, phones(150), Throttle(max_per_min=1))
    kept = await world.rows("SELECT loop_id FROM loop WHERE held ORDER BY 1")
    on_wheel = await world.waiting_on_wheel()
    assert kept

    await change(world, ALWAYS)
    await recalculate(world)

    assert await world.rows("SELECT loop_id FROM loop WHERE held ORDER BY 1") == kept
    assert (await world.waiting_on_wheel(), await outdated(world)) == (on_wheel, 0)


async def test_a_call_that_is_armed_meanwhile_is_not_touched(world: World) -> None:
    """I1: between reading and writing the dialer was faster; its loop is not waiting any more."""
    loop_id = await world.a_due_loop()
    await change(world, ALWAYS)
    outlooks = await read_outlooks(world)

    [claim] = await world.claim()
    assert len((await world.arm([claim])).armed) == 1

    assert await write_piece(world.flow, outlooks, world.now_ms) == 0
    loop = await world.loop(loop_id)
    assert (loop["status"], loop["next_at"]) == ("dialing", None)


async def test_a_plan_that_changed_meanwhile_is_not_overwritten(world: World) -> None:
    """Written by compare-and-set: the lead's version, the instant and the state are those that were read."""
    [enrolled] = await world.enrol([PHONE])
    await change(world, MORNINGS)
    for meanwhile in (
        "UPDATE loop SET next_at = next_at + interval '1 minute'",
        "UPDATE lead SET version = version + 1",
        "UPDATE loop SET status = 'paused', next_at = NULL",
    ):
        outlooks = await read_outlooks(world)
        assert outlooks.total() == 1
        await world.run(meanwhile)
        before = await world.loop(enrolled.loop_id or 0)

        assert await write_piece(world.flow, outlooks, world.now_ms) == 0
        assert await world.loop(enrolled.loop_id or 0) == before


async def test_a_lead_that_somebody_holds_is_not_waited_for(world: World) -> None:
    """Lock-freedom: the job passes by who is busy, and comes again."""
    [held, free] = await world.enrol(phones(2))
    await change(world, MORNINGS)
    before = await world.loop(held.loop_id or 0)

    async with world.stores.database.transaction() as on:
        await on.fetch("SELECT 1 FROM lead WHERE lead_id = $1 FOR UPDATE", before["lead_id"])
        done = await recalculate(world)

    assert (done["status"], done["done"], await outdated(world)) == ("done", 1, 1)
    assert (await world.loop(held.loop_id or 0))["next_at"] == before["next_at"]
    assert (await world.loop(free.loop_id or 0))["next_at"] > before["next_at"]
    await recalculate(world)
    assert await outdated(world) == 0


async def test_other_accounts_and_agents_are_left_alone(world: World, open_world: OpenWorld) -> None:
    """I24: a job of one tenant touches no other's loops."""
    await world.enrol([PHONE])
    await world.next_version()

    piece = await read_piece(world.flow, world.account_id + 1, [world.agent_id], 0)
    other = await read_piece(world.flow, world.account_id, [world.agent_id + 1], 0)

    assert (piece.rows, other.rows, piece.upto) == ([], [], None)


@pytest.mark.parametrize("leads", [40, 41, 60])
async def test_of_many_loops_an_even_sample_stands_for_all(
    world: World, monkeypatch: pytest.MonkeyPatch, leads: int
) -> None:
    """API 1: `impact` is exact up to a limit, beyond it an estimate that says so and adds up."""
    await world.enrol(phones(leads))
    await change(world, MORNINGS)
    agents = await world.flow.policies.read([world.agent_id])

    found = await measure(world.flow, world.account_id, agents, world.now_ms, most=40)

    assert found.estimated == (leads > 40)
    assert found.earlier + found.later + found.unchanged + found.out == leads
    assert found.examined == leads if leads <= 40 else 5 < found.examined < leads
    assert found.later == leads


async def test_impact_is_counted_without_a_trace(world: World) -> None:
    """What is rehearsed is not kept: the policy in force is that of the ledger."""
    await world.enrol(phones(3))
    row = (await world.flow.policies.read([world.agent_id]))[world.agent_id]
    before = await world.rows("SELECT * FROM loop ORDER BY loop_id")

    await measure(world.flow, world.account_id, {world.agent_id: row}, world.now_ms, most=100)

    assert await world.rows("SELECT * FROM loop ORDER BY loop_id") == before


async def test_overdue_loops_keep_their_order(world: World) -> None:
    """Fairness: a change of settings is no reason to lose one's place in the line."""
    first = await world.a_due_loop()
    world.pass_time(10 * MINUTE)
    second = await world.a_due_loop("+12125550178")
    before = [(await world.loop(loop_id))["next_at"] for loop_id in (first, second)]
    world.pass_time(HOUR)

    await world.next_version()
    await recalculate(world)

    assert [(await world.loop(loop_id))["next_at"] for loop_id in (first, second)] == before
    assert before[0] < before[1]


async def test_a_batch_keeps_its_places_and_goes_back_to_them(world: World) -> None:
    """Even volume: hours that close and open again leave everybody's turn as it was, and `why[]` tells it."""
    await send(world, phones(80))
    before = await world.rows("SELECT loop_id, next_at FROM loop ORDER BY 1")

    await change(world, FRIDAYS)
    await recalculate(world)
    moved = await world.rows("SELECT loop_id, next_at, why FROM loop ORDER BY 1")
    assert all(now["next_at"] > was["next_at"] for now, was in zip(moved, before, strict=True))
    assert all("throttle" in row["why"] for row in moved)
    await world.next_version("windows = NULL")
    await recalculate(world)

    assert await world.rows("SELECT loop_id, next_at FROM loop ORDER BY 1") == before
    assert await outdated(world) == 0


@pytest.mark.parametrize("in_a_batch", [True, False])
async def test_hours_that_end_earlier_are_told_of_loops_that_stay(world: World, in_a_batch: bool) -> None:
    """D38: what people see of an instant that stays is what holds now."""
    await (send(world, phones(40)) if in_a_batch else world.enrol(phones(40)))
    read = "SELECT loop_id, next_at, open_until, why, held, lane_id, status FROM loop ORDER BY 1"
    before = await world.rows(read)

    await change(world, TILL_FIVE)
    done = await recalculate(world)

    stayed = 0
    for was, now in zip(before, await world.rows(read), strict=True):
        if was["next_at"] == now["next_at"]:
            stayed += 1
            assert now["open_until"] == was["open_until"] - timedelta(hours=1)
            assert "17:00" in now["why"]
            assert ("throttle" in now["why"]) == in_a_batch
            assert all(now[name] == was[name] for name in ("held", "lane_id", "status"))
    assert (done["done"], await outdated(world)) == (40, 0)
    assert stayed > 20


async def test_a_paced_batch_goes_back_to_its_beginning(world: World) -> None:
    """Its first touches are due at the beginning, and the pace lets them out: no closing puts them off for
    longer than it lasts."""
    await send(world, phones(80), Throttle(max_per_min=30))
    before = await world.rows("SELECT loop_id, next_at, held FROM loop ORDER BY 1")

    await change(world, MORNINGS)
    await recalculate(world)
    await world.next_version("windows = NULL")
    await recalculate(world)

    assert await world.rows("SELECT loop_id, next_at, held FROM loop ORDER BY 1") == before
