"""The reaper: leases of dialers that are gone, attempts that nobody reported on (RELIABILITY 3.4)."""

from __future__ import annotations

import pytest

from scheduler.domain.time import HOUR, MINUTE, SECOND
from scheduler.errors import ServerUnavailable
from scheduler.flow.settle import Report
from scheduler.ledger.instants import to_ms
from tests.builders import TUESDAY_2PM, FreezingClock, ScriptedProvider, World, an_end, an_event, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def freezing(open_world: OpenWorld) -> World:
    world: World = await open_world(
        provider=ScriptedProvider(), clock=FreezingClock(TUESDAY_2PM), account={"max_concurrent": 1}
    )
    return world


def let_leases_run_out(world: World) -> None:
    world.clock.freeze(31)  # type: ignore[attr-defined]


async def test_a_claim_that_was_never_armed_is_dialled_by_another(freezing: World) -> None:
    """I16 C2: SIGKILL between claim and arm costs a lease; its call slot comes back with it."""
    loop_id = await freezing.a_due_loop()
    assert len(await freezing.claim()) == 1
    await freezing.services.reaper.step(freezing.now_ms)
    assert await freezing.dial() == 0, "the lease still runs"

    let_leases_run_out(freezing)
    await freezing.services.reaper.step(freezing.now_ms)

    assert await freezing.calls_on_wheel() == 0
    assert await freezing.dial() == 1
    assert (await freezing.attempts(loop_id))[0]["state"] == "accepted"


async def test_a_lease_that_ends_during_the_call_does_not_free_the_calls_slot(freezing: World) -> None:
    """I12, RELIABILITY 5b.7: the dialer died after the send; a slot lives as long as the call."""
    loop_id = await freezing.a_due_loop()
    await freezing.a_due_loop(phones(2)[1])
    await freezing.dialing.worker.dial(0)  # armed and sent; its recorder never runs
    freezing.dialing.recorder._sent.clear()

    let_leases_run_out(freezing)
    await freezing.services.reaper.step(freezing.now_ms)

    assert await freezing.calls_on_wheel() == 1
    assert await freezing.dial() == 0, "the account's one slot is taken"
    await freezing.flow.wheel.settle(
        ends=(await freezing.settle(an_end((await freezing.attempts(loop_id))[0]["attempt_id"], 1))).ends,
        now_ms=freezing.now_ms,
        wall_ms=freezing.clock.wall_ms(),
    )
    assert await freezing.dial() == 1, "the loop that was reaped is dropped: it has a newer plan"
    assert await freezing.dial() == 1
    assert len({action.to for action in freezing.provider.placed}) == 2


async def test_an_armed_attempt_that_nobody_reports_on_becomes_unknown_then_is_written_off(
    world: World,
) -> None:
    """I15 C4: unknown after 20 s, over after 15 min; it counts as a call."""
    armed = await world.an_armed_attempt()

    async def state_after(seconds: int) -> tuple[str, str | None]:
        world.clock.move_to(TUESDAY_2PM + seconds * SECOND)
        await world.services.reaper.step(world.now_ms)
        attempt = (await world.attempts(armed.loop_id))[0]
        return attempt["state"], attempt["outcome"]

    assert await state_after(20) == ("armed", None)
    assert await state_after(21) == ("unknown", None)
    assert await state_after(899) == ("unknown", None)
    assert await world.calls_on_wheel() == 1
    assert await state_after(900) == ("done", "unknown")
    assert await world.calls_on_wheel() == 0
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["attempts"]) == ("scheduled", 1)
    assert [to_ms(at) for at in await world.value("SELECT contacts FROM lead")] == [world.now_ms]


async def test_an_attempt_that_reports_goes_on_ringing(world: World) -> None:
    """I5: only what nobody heard of becomes unknown."""
    armed = await world.an_armed_attempt()
    await world.settle(Report(armed.attempt_id, state="in_call", dispatched_at_ms=TUESDAY_2PM))
    world.pass_time(MINUTE)

    await world.services.reaper.step(world.now_ms)

    assert (await world.attempts(armed.loop_id))[0]["state"] == "in_call"


async def test_the_reaper_says_when_it_is_needed_next(world: World) -> None:
    """DESIGN 1: a stepped clock stops where an attempt is to be given up."""
    assert await world.services.reaper.next_at() is None
    await world.an_armed_attempt()

    assert await world.services.reaper.next_at() == TUESDAY_2PM + 900 * SECOND


@pytest.mark.parametrize("outage", ["stopped", "ledger away"])
async def test_news_that_waited_comes_before_any_writing_off(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch, outage: str
) -> None:
    """DESIGN 5.5: after an hour in which nothing ran, or nothing could be written, a customer who was won is
    not called again for want of a report that lies ready at the provider."""
    provider = ScriptedProvider()
    world = await open_world(provider=provider)
    armed = await world.an_armed_attempt()
    await world.services.reaper.step(world.now_ms)
    won = {"outcome": "completed", "disposition": "converted", "rang_until_ms": TUESDAY_2PM}
    provider.news = [an_event(armed, "ended", TUESDAY_2PM + MINUTE, **won)]
    world.pass_time(HOUR)
    if outage == "stopped":
        world = await open_world(provider=provider, start_ms=world.now_ms)
    else:

        async def away(*rest: object, **more: object) -> None:
            raise ServerUnavailable("Postgres does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(world.stores.ledger, "fetch", away)
            with pytest.raises(ServerUnavailable):
                await world.services.reaper.step(world.now_ms)

    await world.services.reaper.step(world.now_ms)
    await world.carry()
    world.pass_time(MINUTE)
    await world.services.reaper.step(world.now_ms)

    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"]) == ("ended", "converted")
    assert (await world.books()).outcomes == {"completed": 1}


async def test_two_reapers_write_off_once(open_world: OpenWorld) -> None:
    """F28 I6: both find the attempt overdue."""
    one, other = await open_world(), await open_world()
    armed = await one.an_armed_attempt()
    at_ms = TUESDAY_2PM + 900 * SECOND
    for world in (one, other):
        await world.services.reaper.step(at_ms - MINUTE)

    await one.services.reaper.step(at_ms)
    await other.services.reaper.step(at_ms)

    assert (await one.loop(armed.loop_id))["attempts"] == 1
    assert (await one.books()).outcomes == {"unknown": 1}
