"""Hundreds of leads to their end, with faults, pauses, new settings, losses and stops in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from api.provider_of import simulator
from dialer.providers.simulated_model import Model
from scheduler.clock import SteppedClock
from scheduler.domain.time import HOUR, MINUTE, Ms
from scheduler.flow.pause import Scope, pause, resume
from scheduler.ledger.accounts import create_agent
from scheduler.settings import Settings
from tests.builders import ACTOR, NOBODY_ANSWERS, TUESDAY_2PM, World, a_world, empty, phones, same_books
from tests.worlds import OpenWorld

EVERYWHERE = (212, 646, 312, 206, 602, 808, 305, 907, 617, 214)
"""Area codes from New York to Hawaii and Alaska."""

FAULTS = Model(
    timeout_dialled=0.02, timeout_not_dialled=0.02, server_error=0.02, route_error=0.03, duplicate=0.2,
    swapped=0.1, late=0.05, lost=0.01,
)  # fmt: skip

FOUR_ATTEMPTS = {"strategy": "followup", "max_attempts": 4}


async def play(
    world: World, *, stop_when: Callable[[], bool] | None = None,
    on_step: Callable[[], Awaitable[None]] | None = None,
) -> bool:  # fmt: skip
    """To the end, or until `stop_when` holds at the end of a quantum."""
    stop = asyncio.Event()

    async def step() -> None:
        if on_step is not None:
            await on_step()
        if stop_when is not None and stop_when():
            stop.set()

    return await world.stepper().play(stop, step)


async def assert_all_is_well(world: World, leads: int) -> None:
    """Every loop ended, the books balance, each attempt has its outcome, permit and audit, nobody was rung
    wrongly by the simulator's own ledger, and the wheel is empty."""
    books = await world.books()
    assert (books.leads, books.waiting, books.in_flight) == (leads, 0, 0)
    assert sum(books.ended.values()) == leads
    assert await world.value("SELECT count(*) FROM attempt WHERE state <> 'not_sent'") == books.attempts
    assert await world.value("SELECT sum(attempts) FROM loop") == books.attempts
    contiguous = await world.rows(
        "SELECT loop_id FROM attempt WHERE state <> 'not_sent' GROUP BY loop_id HAVING max(n) <> count(*)"
    )
    assert contiguous == [], "I6: attempts are numbered without gaps"
    unpermitted = await world.rows(
        "SELECT attempt_id FROM attempt AS a WHERE NOT EXISTS"
        " (SELECT FROM arm WHERE arm.attempt_id = a.attempt_id AND arm.permit = a.permit)"
    )
    assert unpermitted == [], "I2: every attempt's permit is on record"
    verdict = await world.verdict()
    assert verdict.clean, verdict.details
    assert verdict.total > leads
    counts = await world.flow.wheel.counts(0, world.now_ms)
    assert (counts.waiting, counts.leased, counts.in_call) == (0, 0, 0)


async def test_two_hundred_leads_with_faults_end_cleanly_and_a_seed_repeats_itself(
    ledger_url: str, valkey_url: str
) -> None:
    """I1 I2 I6 I7 I11 I14 I23, F20, F21: half on the follow-up, half on smart calling; the same seed on the
    same data gives the same rings and the same books."""
    runs = []
    for _ in range(2):
        await empty(valkey_url)
        async with a_world(ledger_url, valkey_url, model=FAULTS, auto_dialer=FOUR_ATTEMPTS) as world:
            smart = await create_agent(
                world.stores.database, account_id=world.account_id, name="Smart",
                auto_dialer={"strategy": "smart", "max_attempts": 4}, now_ms=world.now_ms,
            )  # fmt: skip
            numbers = phones(200, EVERYWHERE)
            await world.enrol(numbers[::2])
            await world.enrol(numbers[1::2], agent_id=smart)

            assert await play(world)

            await assert_all_is_well(world, 200)
            rings = sorted((ring.at_ms, ring.phone, ring.attempt) for ring in world.provider.rings)
            runs.append((await world.books(), rings))
            arms = await world.value("SELECT count(*) FROM arm")
            assert arms > (await world.books()).attempts, "the faults did strike"
            async with world.stores.database.connection() as on:  # the second run starts from nothing
                await on.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    (first, rings), (second, rings_again) = runs
    assert rings == rings_again
    assert same_books(first, second)


async def test_a_pause_in_the_middle_holds_everything_and_a_resume_goes_on(open_world: OpenWorld) -> None:
    """I9 I14: between the pause's answer and the resume nobody is rung; afterwards all goes to its end."""
    world = await open_world(model=NOBODY_ANSWERS, auto_dialer=FOUR_ATTEMPTS)
    await world.enrol(phones(40, EVERYWHERE))
    await play(world, stop_when=lambda: world.now_ms >= TUESDAY_2PM + 2 * HOUR)
    account = Scope("account", world.account_id, world.account_id)
    await pause(world.flow, world.clock, account, reason="test", actor=ACTOR, permit_s=0.01)
    paused_ms = world.now_ms
    before = world.provider.rings.total

    for _ in range(6):
        world.pass_time(30 * MINUTE)
        await world.services.feeder.step(world.now_ms)
        await world.services.calendars.step(world.now_ms)
        assert await world.dial() == 0
    assert world.provider.rings.total == before
    resumed_ms = world.now_ms
    moved = await resume(world.flow, world.clock, account, spread_over_s=600, actor=ACTOR)
    assert moved > 0
    assert await play(world)

    assert not [ring for ring in world.provider.rings if paused_ms < ring.at_ms < resumed_ms]
    await assert_all_is_well(world, 40)


async def test_new_settings_hold_from_the_next_claim_on(open_world: OpenWorld) -> None:
    """I10: windows change to mornings while forty loops wait under the old ones: no ring later than that."""
    world = await open_world(model=NOBODY_ANSWERS, auto_dialer=FOUR_ATTEMPTS)
    await world.enrol(phones(40, EVERYWHERE))
    await play(world, stop_when=lambda: world.now_ms >= TUESDAY_2PM + HOUR)
    rung_before = world.provider.rings.total
    mornings = ",".join(
        f'"{day}": {{"enabled": true, "ranges": [{{"start": "10:00", "end": "11:30"}}]}}'
        for day in ("mon", "tue", "wed", "thu", "fri")
    )
    await world.next_version(f"windows = '{{{mornings}}}'")
    assert await world.value("SELECT count(*) FROM loop WHERE next_at IS NOT NULL") > 0
    last_before = await world.value("SELECT max(attempt_id) FROM attempt")

    assert await play(world)

    rings = list(world.provider.rings)
    world.provider.rings._rings[:rung_before] = []
    await assert_all_is_well(world, 40)
    assert len(rings) > rung_before
    versions = "SELECT DISTINCT policy_version FROM attempt WHERE attempt_id > $1"
    assert [row["policy_version"] for row in await world.rows(versions, last_before)] == [2]


async def test_a_wheel_lost_in_the_middle_costs_nothing(open_world: OpenWorld, valkey_url: str) -> None:
    """I1 I12 I14 I22 F6: FLUSHALL every few hundred steps while calls are under way."""
    world = await open_world(model=FAULTS, auto_dialer=FOUR_ATTEMPTS, account={"max_concurrent": 10})
    await world.enrol(phones(40, EVERYWHERE))
    steps = losses_in_call = 0

    async def lose() -> None:
        nonlocal steps, losses_in_call
        steps += 1
        if steps % 40 == 10:
            losses_in_call += await world.calls_on_wheel() > 0
            await empty(valkey_url)

    assert await play(world, on_step=lose)

    await assert_all_is_well(world, 40)
    assert losses_in_call > 0


async def test_after_ctrl_c_a_second_run_goes_on_and_rings_nobody_twice(
    open_world: OpenWorld, ledger_url: str, valkey_url: str, tmp_path: Path
) -> None:
    """I1 I14: stopped five times between two quanta, calls under way; each time other processes go on with
    the same ledger, the same wheel and the same network."""
    at_ms: Ms = TUESDAY_2PM
    in_call_at_stop = 0
    for run in range(6):
        last = run == 5
        steps = 0

        def enough() -> bool:
            nonlocal steps
            steps += 1
            return not last and steps >= 25  # noqa: B023

        async with (
            simulator(Settings(seed=1), folder=tmp_path) as provider,
            a_world(
                ledger_url,
                valkey_url,
                provider=provider,
                clock=SteppedClock(at_ms),
                auto_dialer=FOUR_ATTEMPTS,
            ) as world,
        ):
            if run == 0:
                await world.enrol(phones(40, EVERYWHERE))
            assert await play(world, stop_when=enough) is last
            at_ms = world.now_ms
            in_call_at_stop += 0 if last else (await world.books()).in_flight
            if last:
                await assert_all_is_well(world, 40)
    assert in_call_at_stop > 0
