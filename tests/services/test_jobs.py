"""Jobs: done once, gone on with after a crash, stopped when asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scheduler.clock import Clock
from scheduler.domain.time import MINUTE
from scheduler.errors import Refused, ServerUnavailable
from scheduler.flow.context import Flow
from scheduler.ledger.jobs import cancel_job, create_job, job, release_job
from scheduler.services.jobs import MOST_TRIES, Handler, Jobs, Work
from tests.builders import FreezingClock, World
from tests.worlds import OpenWorld


async def a_job(world: World, kind: str = "count", **rest: Any) -> int:
    return await create_job(
        world.stores.database,
        account_id=world.account_id,
        kind=kind,
        args={"upto": 5},
        now_ms=world.clock.now_ms(),
        **rest,
    )


def worker(world: World, handler: Handler, kind: str = "count", clock: Clock | None = None) -> Jobs:
    return Jobs(world.flow, clock or world.clock, world.stores.settings, {kind: handler})


async def seen(world: World, job_id: int) -> dict[str, Any]:
    return dict(await job(world.stores.database, world.account_id, job_id))


async def step(world: World, jobs: Jobs) -> None:
    await jobs.step(world.clock.now_ms())


async def count(_flow: Flow, work: Work) -> None:
    for done in range((work.cursor or 0) + 1, work.args["upto"] + 1):
        await work.advance(done, cursor=done, total=work.args["upto"])


async def test_a_job_is_done_and_tells_how_far_it_came(world: World) -> None:
    """API 1: long work is a job with `done` and `total`."""
    job_id = await a_job(world)

    await step(world, worker(world, count))

    over = await seen(world, job_id)
    assert (over["status"], over["done"], over["total"], over["error"]) == ("done", 5, 5, None)
    assert over["started_at"] is not None
    assert over["finished_at"] is not None


async def test_a_job_whose_process_died_goes_on_from_its_cursor_once_its_lease_is_over(
    open_world: OpenWorld,
) -> None:
    """I14 for jobs: nothing acknowledged is lost with the process that worked on it."""
    clock = FreezingClock(1_781_632_800_000)
    world = await open_world(clock=clock)
    job_id = await a_job(world)
    begun_at: list[int | None] = []

    async def die(_flow: Flow, work: Work) -> None:
        await work.advance(2, cursor=2)
        raise KeyboardInterrupt  # nothing tidies up after it

    async def go_on(flow: Flow, work: Work) -> None:
        begun_at.append(work.cursor)
        await count(flow, work)

    with pytest.raises(KeyboardInterrupt):
        await step(world, worker(world, die))
    await step(world, worker(world, go_on))
    assert begun_at == []  # the lease holds

    clock.freeze(61)
    await step(world, worker(world, go_on))

    assert begun_at == [2]
    assert (await seen(world, job_id))["status"] == "done"


async def test_who_lost_its_lease_cannot_go_on_beside_the_next(open_world: OpenWorld) -> None:
    """One job, one worker: a frozen one finds out with its next piece."""
    clock = FreezingClock(1_781_632_800_000)
    world = await open_world(clock=clock)
    job_id = await a_job(world)
    pieces: list[int] = []

    async def freeze(_flow: Flow, work: Work) -> None:
        clock.freeze(61)
        await step(world, worker(world, count))
        await work.advance(1, cursor=1)
        pieces.append(1)

    await step(world, worker(world, freeze))

    assert pieces == []
    assert ((await seen(world, job_id))["status"], (await seen(world, job_id))["done"]) == ("done", 5)


async def test_a_job_that_fails_again_and_again_says_why_and_is_given_up(open_world: OpenWorld) -> None:
    clock = FreezingClock(1_781_632_800_000)
    world = await open_world(clock=clock)
    job_id = await a_job(world)
    tries: list[int] = []

    async def fail(_flow: Flow, _work: Work) -> None:
        tries.append(1)
        raise Refused("state-conflict", "the cadence is gone", "it was erased")

    for _ in range(MOST_TRIES + 2):
        await step(world, worker(world, fail))
        clock.freeze(61)

    over = await seen(world, job_id)
    assert len(tries) == MOST_TRIES
    assert (over["status"], over["error"]) == ("failed", "the cadence is gone: it was erased")


async def test_a_fault_of_ours_is_told_without_its_data(open_world: OpenWorld) -> None:
    """I25: an exception's text may hold a phone number; a job shows its kind alone."""
    world = await open_world(clock=FreezingClock(1_781_632_800_000))
    job_id = await a_job(world)

    async def fail(_flow: Flow, _work: Work) -> None:
        raise ValueError("+12125550123")

    await step(world, worker(world, fail))

    assert (await seen(world, job_id))["error"] == "an error of ours (ValueError)"


async def test_a_store_that_is_away_is_not_the_job_s_fault(open_world: OpenWorld) -> None:
    clock = FreezingClock(1_781_632_800_000)
    world = await open_world(clock=clock)
    job_id = await a_job(world)

    async def away(_flow: Flow, _work: Work) -> None:
        raise ServerUnavailable("Redis does not answer")

    for _ in range(MOST_TRIES + 2):
        with pytest.raises(ServerUnavailable):
            await step(world, worker(world, away))
        clock.freeze(61)
    await step(world, worker(world, count))

    assert (await seen(world, job_id))["status"] == "done"


async def test_a_canceled_job_stops_with_its_next_piece(world: World) -> None:
    """API 1: POST /jobs/{id}/cancel."""
    job_id = await a_job(world)
    pieces: list[int] = []

    async def canceled_meanwhile(_flow: Flow, work: Work) -> None:
        await work.advance(1, cursor=1)
        pieces.append(1)
        async with world.stores.database.transaction() as on:
            await cancel_job(world.stores.database, on, world.account_id, job_id, world.clock.now_ms())
        await work.advance(2, cursor=2)
        pieces.append(2)

    await step(world, worker(world, canceled_meanwhile))
    await step(world, worker(world, count))

    over = await seen(world, job_id)
    assert pieces == [1]
    assert (over["status"], over["done"]) == ("canceled", 1)


async def test_a_process_that_stops_leaves_its_job_to_the_next_at_once(world: World) -> None:
    job_id = await a_job(world)
    begun = asyncio.Event()

    async def long(_flow: Flow, work: Work) -> None:
        await work.advance(3, cursor=3)
        begun.set()
        await asyncio.Event().wait()

    working = asyncio.create_task(step(world, worker(world, long)))
    await begun.wait()
    working.cancel()
    await asyncio.wait([working])
    await step(world, worker(world, count))

    assert (await seen(world, job_id))["status"] == "done"


async def test_two_workers_share_the_jobs_and_do_none_twice(world: World) -> None:
    """Of one account one of a kind at a time, so that a tenant with many holds up no other."""
    ids = [await a_job(world) for _ in range(6)]
    at_work: list[int] = []
    done: list[int] = []

    async def note(_flow: Flow, work: Work) -> None:
        at_work.append(work.job_id)
        assert len(at_work) == 1
        await work.advance(1)
        done.append(work.job_id)
        at_work.remove(work.job_id)

    await asyncio.gather(*(step(world, worker(world, note)) for _ in range(3)))
    await step(world, worker(world, note))

    assert sorted(done) == ids


async def test_a_job_made_to_wait_is_taken_when_it_is_released_or_its_time_has_come(
    open_world: OpenWorld,
) -> None:
    clock = FreezingClock(1_781_632_800_000)
    world = await open_world(clock=clock)
    first = await a_job(world, not_before_ms=clock.wall_ms() + MINUTE)
    second = await a_job(world, not_before_ms=clock.wall_ms() + MINUTE)

    await step(world, worker(world, count))
    assert (await seen(world, first))["status"] == "queued"

    await release_job(world.stores.database, first)
    await step(world, worker(world, count))
    assert [(await seen(world, each))["status"] for each in (first, second)] == ["done", "queued"]

    clock.freeze(61)
    await step(world, worker(world, count))
    assert (await seen(world, second))["status"] == "done"
