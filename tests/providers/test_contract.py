"""What every provider adapter keeps: the simulated one called directly and over HTTP pass the same suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestServer

from api.sim_server import make_sim_app
from dialer.providers.base import Accepted, NotDialled, Provider, Unknown
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_http import SimulatedHttpProvider
from dialer.providers.simulated_model import Model, quiet
from scheduler.clock import SteppedClock
from scheduler.domain.time import SECOND
from tests.providers.builders import EVERYBODY_ANSWERS, TUESDAY_2PM, a_simulator, an_action, phones


class Bench:
    """A provider under test, the simulator behind it and the clock of both."""

    def __init__(self, provider: Provider, simulator: SimulatedProvider, clock: SteppedClock) -> None:
        self.provider, self.simulator, self.clock = provider, simulator, clock

    async def due(self, limit: int = 100) -> list[str]:
        return [e.event_id for e in await self.provider.events(self.clock.now_ms(), limit)]


@asynccontextmanager
async def a_bench(way: str, model: Model) -> AsyncIterator[Bench]:
    clock = SteppedClock(TUESDAY_2PM)
    simulator = a_simulator(model)
    if way == "direct":
        yield Bench(simulator, simulator, clock)
        return
    async with TestServer(make_sim_app(simulator, clock)) as server:
        provider = SimulatedHttpProvider(str(server.make_url("")))
        yield Bench(provider, simulator, clock)
        await provider.close()


@pytest.fixture(params=["direct", "http"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def bench(way: str) -> AsyncIterator[Bench]:
    async with a_bench(way, quiet(**EVERYBODY_ANSWERS)) as bench:
        yield bench


def test_each_names_itself_and_rings_no_real_phone():
    for provider in (SimulatedHttpProvider("http://127.0.0.1:9"), a_simulator()):
        assert (provider.name, provider.live) == ("simulated", False)


async def test_results_come_one_for_each_action_in_order(bench: Bench):
    actions = [
        an_action(n, to=phone, not_after_ms=TUESDAY_2PM - 1 if n % 2 else TUESDAY_2PM + 60 * SECOND)
        for n, phone in enumerate(phones(20))
    ]
    results = await bench.provider.place(actions, TUESDAY_2PM)
    assert [type(r) for r in results] == [Accepted, NotDialled] * 10
    assert all(
        r.ref.startswith(a.key.hex) for r, a in zip(results, actions, strict=True) if isinstance(r, Accepted)
    )
    assert results[1] == NotDialled("past not_after", "route")


async def test_an_unknown_answer_arrives_as_unknown(way: str):
    async with a_bench(way, quiet(timeout_not_dialled=1.0)) as bench:
        assert await bench.provider.place([an_action()], TUESDAY_2PM) == [Unknown("timeout")]


async def test_an_empty_batch_dials_nobody(bench: Bench):
    assert await bench.provider.place([], TUESDAY_2PM) == []
    assert bench.simulator.rings.total == 0


async def test_an_event_is_handed_out_until_it_is_acknowledged(bench: Bench):
    await bench.provider.place([an_action()], TUESDAY_2PM)
    assert await bench.due() == []
    bench.clock.move_to(TUESDAY_2PM + 3_600 * SECOND)
    first = await bench.due()
    assert len(first) == 3
    assert await bench.due() == first
    await bench.provider.acknowledge(first[:1])
    assert await bench.due() == first[1:]
    await bench.provider.acknowledge(["unheard-of", *first])
    assert await bench.due() == []
    assert bench.provider.next_event_at() is None


async def test_events_come_at_most_as_many_as_asked_for(bench: Bench):
    await bench.provider.place([an_action(n, to=p) for n, p in enumerate(phones(20))], TUESDAY_2PM)
    bench.clock.move_to(TUESDAY_2PM + 3_600 * SECOND)
    assert len(await bench.due(7)) == 7


async def test_a_call_can_be_hung_up(bench: Bench):
    (result,) = await bench.provider.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, Accepted)
    bench.clock.move_to(TUESDAY_2PM + 4 * SECOND)
    await bench.provider.hang_up([result.ref, "unheard-of"], bench.clock.now_ms())
    events = await bench.provider.events(bench.clock.now_ms(), 10)
    assert [e.outcome for e in events if e.kind == "ended"] == ["canceled"]


async def test_it_tells_when_the_next_event_is_due(bench: Bench):
    await bench.provider.place([an_action()], TUESDAY_2PM)
    await bench.due()
    at_ms = bench.provider.next_event_at()
    assert at_ms is not None
    bench.clock.move_to(at_ms - 1)
    assert await bench.due() == []
    bench.clock.move_to(at_ms)
    assert len(await bench.due()) == 1
