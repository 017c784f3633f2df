"""Looking calls up: what a simulator says of them, called directly and over HTTP (RELIABILITY 3.2.13)."""

from __future__ import annotations

import msgspec
import pytest

from dialer.providers import simulated_memory
from dialer.providers.base import NotDialled
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_limits import Limits
from dialer.providers.simulated_model import quiet
from scheduler.domain.time import HOUR, MINUTE, SECOND
from scheduler.flow.lookup import CannotSay, FoundCall, Lookup, NoCall
from tests.providers.builders import EVERYBODY_ANSWERS, TUESDAY_2PM, a_simulator, an_action, phones
from tests.providers.test_contract import a_bench

ARRIVE_BY = TUESDAY_2PM + 12 * SECOND


def a_lookup(n: int = 0, armed_at_ms: int = TUESDAY_2PM) -> Lookup:
    return Lookup(n, an_action(n).key, armed_at_ms, armed_at_ms + 12 * SECOND)


@pytest.mark.parametrize("way", ["direct", "http", "webhook"])
async def test_a_call_is_found_as_it_goes_on(way: str) -> None:
    """C6 C7: by its key, without its own id."""
    async with a_bench(way, quiet(**EVERYBODY_ANSWERS)) as bench:
        await bench.provider.place([an_action()], TUESDAY_2PM)
        [ended] = bench.simulator._live.values()
        states = []
        for at_ms in (TUESDAY_2PM, ended.answered_at_ms, ended.ended.at_ms):
            assert at_ms is not None
            bench.clock.move_to(max(at_ms, bench.clock.now_ms()))
            [found] = await bench.provider.find([a_lookup()], bench.clock.now_ms())
            assert isinstance(found, FoundCall)
            states.append((found.state, found.outcome))

        assert states[1:] == [("in_call", None), ("in_call", "completed")]
        assert states[0][1] is None
        assert (found.ref, found.ended_at_ms) == (ended.ended.ref, ended.ended.at_ms)


@pytest.mark.parametrize("way", ["direct", "http", "webhook"])
async def test_no_call_is_proven_only_when_no_request_can_arrive_any_more(way: str) -> None:
    """I1: before that it may be on its way, and one that comes later is refused."""
    async with a_bench(way, quiet()) as bench:
        bench.clock.move_to(ARRIVE_BY)
        assert await bench.provider.find([a_lookup()], bench.clock.now_ms()) == [CannotSay()]
        bench.clock.move_to(ARRIVE_BY + 1)
        assert await bench.provider.find([a_lookup()], bench.clock.now_ms()) == [NoCall()]

        late = msgspec.structs.replace(an_action(), arrive_by_ms=ARRIVE_BY)
        [answer] = await bench.provider.place([late], bench.clock.now_ms())

        assert isinstance(answer, NotDialled)
        assert answer.scope == "permit"
        assert bench.simulator.rings.total == 0


async def test_a_look_up_that_lags_behind_proves_nothing_before_it_has_caught_up() -> None:
    simulator = a_simulator(limits=Limits(lookup_lag_s=60))
    await simulator.place([an_action(0)], TUESDAY_2PM)

    async def found(n: int, at_ms: int) -> str:
        return type((await simulator.find([a_lookup(n)], at_ms))[0]).__name__

    assert await found(0, TUESDAY_2PM + 59 * SECOND) == "CannotSay"
    assert await found(0, TUESDAY_2PM + 60 * SECOND) == "FoundCall"
    assert await found(1, ARRIVE_BY + MINUTE) == "CannotSay"
    assert await found(1, ARRIVE_BY + MINUTE + 1) == "NoCall"


async def test_a_call_whose_reports_are_lost_is_found_all_the_same() -> None:
    simulator = a_simulator(quiet(lost=1.0))
    await simulator.place([an_action()], TUESDAY_2PM)
    assert await simulator.events(TUESDAY_2PM + HOUR, 10) == []

    [found] = await simulator.find([a_lookup()], TUESDAY_2PM + HOUR)

    assert isinstance(found, FoundCall)
    assert found.outcome is not None


async def test_a_call_that_was_hung_up_is_found_as_it_ended() -> None:
    simulator = a_simulator(quiet(**EVERYBODY_ANSWERS))
    await simulator.place([an_action()], TUESDAY_2PM)
    [call] = simulator._live.values()
    await simulator.hang_up([call.ended.ref], TUESDAY_2PM + 1)

    [found] = await simulator.find([a_lookup()], TUESDAY_2PM + 1)

    assert isinstance(found, FoundCall)
    assert (found.outcome, found.ended_at_ms) == ("canceled", TUESDAY_2PM + 1)


async def test_what_was_forgotten_or_placed_before_a_start_is_never_denied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I1: a simulator that has been started anew does not know what went before."""
    monkeypatch.setattr(simulated_memory, "HALF", 2)
    one = a_simulator()
    for n, phone in enumerate(phones(5)):
        await one.place([an_action(n, to=phone)], TUESDAY_2PM + n)
    later_ms = TUESDAY_2PM + HOUR

    assert await one.find([a_lookup(n) for n in (0, 1)], later_ms) == [CannotSay()] * 2
    assert all(
        isinstance(found, FoundCall) for found in await one.find(list(map(a_lookup, (2, 3, 4))), later_ms)
    )
    assert await one.find([a_lookup(7, TUESDAY_2PM + 1)], later_ms) == [CannotSay()]
    assert await one.find([a_lookup(7, TUESDAY_2PM + 2)], later_ms) == [NoCall()]

    other = a_simulator(rings=RingLedger())
    other.restore(one.state())
    assert await other.find([a_lookup(1)], later_ms) == [CannotSay()]
    assert await other.find([a_lookup(7, TUESDAY_2PM + 1)], later_ms) == [CannotSay()]
    assert await other.find([a_lookup(8, later_ms + 1)], later_ms + MINUTE) == [NoCall()]


async def test_a_queued_call_is_found_before_its_turn() -> None:
    simulator: SimulatedProvider = a_simulator(limits=Limits(calls_per_second=1))
    actions = [an_action(n, to=phone) for n, phone in enumerate(phones(3))]
    await simulator.place(actions, TUESDAY_2PM)

    [found] = await simulator.find([a_lookup(2)], TUESDAY_2PM)

    assert (type(found), found.state) == (FoundCall, "accepted")  # type: ignore[union-attr]
