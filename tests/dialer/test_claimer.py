"""The claimer: on time and never early, what is held is leased, nothing is lost with an answer (DESIGN 4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dialer.claimer import Claimer
from dialer.providers.base import Accepted, Action, PlaceResult
from scheduler.domain.time import SECOND
from scheduler.errors import EpochNotReady, LineFailed, ServerUnavailable
from scheduler.wheel import Claimed
from tests.builders import World, phones
from tests.dialer.builders import a_loop_due_in, by_hand, leased, reap, turn, until
from tests.worlds import OpenWorld


async def test_a_loop_is_claimed_ahead_and_sent_at_its_instant(open_world: OpenWorld) -> None:
    """DESIGN 4 "Waking": held under its lease on the dialer's own timer, and not a millisecond early."""
    world, claimer = await by_hand(open_world)
    await a_loop_due_in(world, 200)

    await turn(claimer)
    assert await leased(world) == 1
    world.pass_time(199)
    await turn(claimer)
    assert world.provider.placed == []
    assert await world.value("SELECT count(*) FROM attempt") == 0

    world.pass_time(1)
    await turn(claimer)
    assert len(world.provider.placed) == 1


async def test_on_a_fast_clock_nothing_is_claimed_ahead(open_world: OpenWorld) -> None:
    """A quarter of its second is shorter than a claim takes; on a stepped one no timer would end."""
    world, claimer = await by_hand(open_world)
    world.clock.speed = 600.0
    await a_loop_due_in(world, 200)

    await turn(claimer)

    assert await leased(world) == 0
    assert claimer._claim_at_ms == world.now_ms + 200


async def test_what_comes_due_together_is_armed_together(open_world: OpenWorld) -> None:
    world, claimer = await by_hand(open_world)
    for after_ms, number in enumerate(phones(3)):
        await a_loop_due_in(world, 100 + after_ms, number)
    await turn(claimer)

    world.pass_time(102)
    await turn(claimer)

    assert len(world.provider.placed) == 3
    assert await world.value("SELECT count(DISTINCT permit) FROM arm") == 1


async def test_a_live_lead_that_comes_meanwhile_does_not_wait_for_what_is_held(open_world: OpenWorld) -> None:
    """I17."""
    world, claimer = await by_hand(open_world)
    held, live = phones(2)
    await a_loop_due_in(world, 200, held)
    await turn(claimer)
    await world.a_due_loop(live)

    claimer._rest._rung = True
    await turn(claimer)

    assert [action.to for action in world.provider.placed] == [live]


@pytest.mark.parametrize("forbidden", ["pause", "opt-out"])
async def test_what_was_forbidden_while_a_loop_was_held_is_not_sent(
    open_world: OpenWorld, forbidden: str
) -> None:
    """I8 I9: claimed ahead is not armed ahead; the arm asks the ledger when the loop is due."""
    world, claimer = await by_hand(open_world)
    await a_loop_due_in(world, 200)
    await turn(claimer)

    if forbidden == "pause":
        await world.run("UPDATE account SET paused = true")
    else:
        await world.opt_out()
    world.pass_time(200)
    await turn(claimer)

    assert world.provider.placed == []
    assert await leased(world) == 0


async def test_no_second_sees_more_than_a_pace_and_its_burst_let_through(open_world: OpenWorld) -> None:
    """I13: tokens are spent when a loop is claimed; taken ahead, a wave that lies a quarter of a second off
    would leave with tokens of its own second and of the one before."""
    rate = 20
    world, claimer = await by_hand(open_world, account={"max_dials_per_s": rate}, throttle_burst_s=1)
    left_at_ms: list[int] = []

    def answer(action: Action) -> PlaceResult:
        left_at_ms.append(world.now_ms)
        return Accepted(f"ref-{action.attempt_id}")

    world.provider.answer = answer
    numbers = phones(80)
    enrolled = await world.enrol(numbers)
    await world.run("UPDATE loop SET next_at = next_at + interval '240 ms'")
    await world.services.sweeper.step(world.now_ms)
    assert len(enrolled) == 80
    await world.flow.wheel.begin_rebuild(0)
    await world.services.sweeper.step(world.now_ms)

    for _ in range(400):
        await turn(claimer)
        world.pass_time(10)

    assert len(left_at_ms) == 80
    most = max(sum(at <= other < at + SECOND for other in left_at_ms) for at in left_at_ms)
    assert most <= 2 * rate, "the burst and a second's tokens"
    assert most > rate, "it was under pressure"


async def test_a_claim_whose_answer_was_lost_is_answered_again(open_world: OpenWorld) -> None:
    """C1: the same claim id before anything else; nobody waits for the lease."""
    world, claimer = await by_hand(open_world)
    await world.a_due_loop()
    ids = loses_answers(world, 2)

    for _ in range(2):
        with pytest.raises(ServerUnavailable):
            await turn(claimer)
    assert await leased(world) == 1, "the server had done it"
    await turn(claimer)

    assert len(world.provider.placed) == 1
    assert len(ids) == 3
    assert len(set(ids)) == 1
    await a_loop_due_in(world, 0, phones(2)[1])
    claimer._rest._rung = True
    await turn(claimer)
    assert len(set(ids)) == 2, "what was answered is not asked again"


async def test_a_claim_that_was_answered_late_does_not_leave_with_tokens_of_before(
    open_world: OpenWorld,
) -> None:
    """I13: beside what another claimed meanwhile it would be one too many. Found by the simulation."""
    world, claimer = await by_hand(open_world, account={"max_dials_per_s": 1}, throttle_burst_s=1)
    other = world.dialing.worker._claimer(0, "another")
    for number in phones(2):
        await world.a_due_loop(number)
    loses_answers(world, 1)
    with pytest.raises(ServerUnavailable):
        await turn(claimer)
    freeze(world, 5)
    world.pass_time(5_000)

    await turn(other)
    await turn(claimer)
    await turn(claimer)
    assert len(world.provider.placed) == 1

    world.pass_time(1_000)
    await turn(claimer)
    assert len(world.provider.placed) == 2


async def test_a_wheel_that_is_always_slow_is_dialled_from_all_the_same(open_world: OpenWorld) -> None:
    """I14: what was given back once is not given back for ever."""
    world, claimer = await by_hand(open_world)
    await world.a_due_loop()
    real = world.flow.wheel.claim

    async def slow(shard: int, **how: Any) -> Claimed:
        freeze(world, 1.5)
        return await real(shard, **how)

    world.flow.wheel.claim = slow

    await turn(claimer)
    assert world.provider.placed == []
    world.pass_time(1)
    await turn(claimer)
    assert len(world.provider.placed) == 1


async def test_lines_of_two_dialers_are_not_given_each_others_answers(open_world: OpenWorld) -> None:
    """C1: the wheel keeps the last answer by the claimer's name."""
    world, claimer = await by_hand(open_world)
    other = world.dialing.worker._claimer(0, "another")
    await world.a_due_loop()
    loses_answers(world, 1)
    with pytest.raises(ServerUnavailable):
        await turn(claimer)

    await turn(other)
    assert world.provider.placed == []
    await turn(claimer)
    assert len(world.provider.placed) == 1


async def test_a_held_loop_is_leased_anew_when_a_third_of_its_lease_is_over(open_world: OpenWorld) -> None:
    """RELIABILITY 3.2: 30 s, renewed at 10 s by the one that sends."""
    world, claimer = await by_hand(open_world)
    await a_loop_due_in(world, 200)
    await turn(claimer)
    freeze(world, 10.5)
    await turn(claimer)

    freeze(world, 29)
    assert await reap(world) == 0
    freeze(world, 2)
    assert await reap(world) == 1


async def test_a_lease_that_was_lost_is_never_armed_by_who_lost_it(open_world: OpenWorld) -> None:
    """C2: another has the loop now; it is dropped without a word to the ledger."""
    world, claimer = await by_hand(open_world)
    await a_loop_due_in(world, 200)
    await turn(claimer)
    freeze(world, 31)
    assert await reap(world) == 1
    other = world.dialing.worker._claimer(0, "another")
    await turn(other)

    world.pass_time(200)
    await turn(claimer)
    assert world.provider.placed == []
    assert await world.value("SELECT count(*) FROM arm") == 0
    await turn(other)
    assert len(world.provider.placed) == 1


async def test_a_dialer_that_cannot_send_does_not_go_on_renewing(open_world: OpenWorld) -> None:
    """RELIABILITY 3.2: no lease is kept up by a beat beside a sender that hangs."""
    world, claimer = await by_hand(open_world, dial_lines=1)
    hangs, going = phones(2)
    await world.a_due_loop(hangs)
    freed = asyncio.Event()
    place = world.provider.place

    async def stuck(*asked: Any) -> list[PlaceResult]:
        await freed.wait()
        return await place(*asked)

    world.provider.place = stuck
    await a_loop_due_in(world, 200, going)
    claimer._rest.wake()
    await claimer._turn()
    await claimer._turn()
    assert await leased(world) == 2, "one hangs, one is held"

    freeze(world, 12)
    claimer._rest.wake()
    await claimer._turn()
    freeze(world, 19)
    assert await reap(world) == 2
    freed.set()
    await asyncio.wait(claimer._lines)


async def test_what_is_held_has_an_end(open_world: OpenWorld) -> None:
    """A dialer that dies takes no more than this out of others' reach for a lease's length."""
    world, claimer = await by_hand(open_world, claims_held=3, claim_batch=2)
    for number in phones(5):
        await a_loop_due_in(world, 200, number)

    for _ in range(4):
        await turn(claimer)

    assert await leased(world) == 3


async def test_a_stopped_dialer_gives_back_what_it_held(open_world: OpenWorld) -> None:
    """F35: another takes it over at once, with its slot at the gate; nobody waits for a lease."""
    world, claimer = await by_hand(open_world, account={"max_concurrent": 1})
    await a_loop_due_in(world, 200)
    stop = asyncio.Event()
    run = asyncio.create_task(claimer.run(stop))
    await until(lambda: holds(claimer), "held")

    stop.set()
    await run
    assert await leased(world) == 0
    assert await world.calls_on_wheel() == 0

    world.pass_time(200)
    assert await world.dial() == 1
    assert len(world.provider.placed) == 1


async def test_a_stopped_dialer_gives_back_what_it_never_heard_of(open_world: OpenWorld) -> None:
    """C1, F35: the answer of its last claim was lost."""
    world, claimer = await by_hand(open_world)
    await world.a_due_loop()
    loses_answers(world, 1)
    with pytest.raises(ServerUnavailable):
        await turn(claimer)

    await claimer._leave()

    assert await leased(world) == 0
    assert await world.dial() == 1


async def test_what_nobody_foresaw_does_not_end_a_dialer(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """I14: said by its type alone, and gone on from."""
    monkeypatch.setattr("dialer.claimer.TROUBLE_REST_S", 0)
    world, claimer = await by_hand(open_world, line_failures=3)
    fails(world, 2)
    await world.a_due_loop()
    stop = asyncio.Event()

    run = asyncio.create_task(claimer.run(stop))
    while not world.provider.placed:
        await asyncio.sleep(0)
        assert not run.done()
    stop.set()
    await run


async def test_what_comes_again_and_again_ends_it_with_a_clear_word(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer.claimer.TROUBLE_REST_S", 0)
    world, claimer = await by_hand(open_world, line_failures=3)
    fails(world, 3)

    with pytest.raises(LineFailed, match="failed 3 times in a row") as failed:
        await claimer.run(asyncio.Event())

    assert "AssertionError" in failed.value.why
    assert "in words" not in failed.value.why + failed.value.what


async def test_one_loop_that_cannot_be_armed_does_not_hold_up_the_others(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: it is parted from them."""
    world, claimer = await by_hand(open_world)
    numbers = phones(5)
    poison, *_ = [await world.a_due_loop(number) for number in numbers]
    breaks_at(monkeypatch, poison)

    await turn(claimer)

    assert sorted(action.to for action in world.provider.placed) == sorted(numbers[1:])
    while await world.dialing.recorder.flush():
        pass
    assert await leased(world) == 1, "its lease runs out, and it comes again"
    monkeypatch.undo()
    freeze(world, 31)
    assert await reap(world) == 1
    claimer._rest._rung = True
    await turn(claimer)
    assert len(world.provider.placed) == 5


async def test_a_lost_wheel_takes_what_is_held_with_it(open_world: OpenWorld) -> None:
    """I12: its slots at the gates are gone; the rebuilt wheel hands it out anew, counted."""
    world, claimer = await by_hand(open_world)
    await a_loop_due_in(world, 200)
    await turn(claimer)
    await world.flow.wheel.begin_rebuild(0)
    await world.services.sweeper.step(world.now_ms)

    claimer._rest._rung = True
    with pytest.raises(EpochNotReady):
        await turn(claimer)
    assert not holds(claimer)
    await turn(claimer)
    world.pass_time(200)
    await turn(claimer)
    assert len(world.provider.placed) == 1
    assert await world.calls_on_wheel() == 1


def holds(claimer: Claimer) -> bool:
    return len(claimer._hold) > 0


def freeze(world: World, seconds: float) -> None:
    """The machine's own clocks go on; the Clock stands."""
    world.clock.freeze(seconds)  # type: ignore[attr-defined]


def loses_answers(world: World, times: int) -> list[str]:
    """The next claims are done and their answers lost; answers the ids of all claims from now on."""
    real = world.flow.wheel.claim
    ids: list[str] = []

    async def claim(shard: int, *, claim_id: str, **how: Any) -> Claimed:
        ids.append(claim_id)
        answer = await real(shard, claim_id=claim_id, **how)
        if len(ids) <= times:
            raise ServerUnavailable("the answer was lost")
        return answer

    world.flow.wheel.claim = claim
    return ids


def fails(world: World, times: int) -> None:
    """The next claims meet with what nobody foresaw."""
    real, left = world.flow.wheel.claim, [times]

    async def claim(*args: Any, **how: Any) -> Claimed:
        left[0] -= 1
        assert left[0] < 0, "in words that may name a phone"
        return await real(*args, **how)

    world.flow.wheel.claim = claim


def breaks_at(monkeypatch: pytest.MonkeyPatch, loop_id: int) -> None:
    """No arm of this loop comes to an end."""
    from dialer import sender

    real = sender.arm

    async def arm(flow: Any, ledger: Any, claims: Any, **how: Any) -> Any:
        assert loop_id not in {claim.loop_id for claim in claims}
        return await real(flow, ledger, claims, **how)

    monkeypatch.setattr(sender, "arm", arm)
