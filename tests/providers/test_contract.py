"""What every provider adapter keeps: the simulated one called directly and over HTTP, and the webhook one
with the simulator as an own dialer of somebody, pass the same suite. Events are not asked of a provider that
posts them: its reports have tests of their own."""

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
from tests.providers.webhook_receiver import a_receiver, a_webhook_provider


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
    if way == "webhook":
        async with a_receiver(simulator, clock) as url, a_webhook_provider(url) as webhook:
            yield Bench(webhook, simulator, clock)
        return
    async with TestServer(make_sim_app(simulator, clock)) as server:
        provider = SimulatedHttpProvider(str(server.make_url("")))
        yield Bench(provider, simulator, clock)
        await provider.close()


@pytest.fixture(params=["direct", "http", "webhook"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def bench(way: str) -> AsyncIterator[Bench]:
    async with a_bench(way, quiet(**EVERYBODY_ANSWERS)) as bench:
        yield bench


@pytest.fixture(params=["direct", "http"])
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A provider that is asked for events."""
    async with a_bench(request.param, quiet(**EVERYBODY_ANSWERS)) as bench:
        yield bench


async def test_each_names_itself_and_says_whether_real_phones_ring(bench: Bench, way: str):
    assert (bench.provider.name, bench.provider.live) == (
        ("webhook", True) if way == "webhook" else ("simulated", False)
    )


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
        [answer] = await bench.provider.place([an_action()], TUESDAY_2PM)
        assert isinstance(answer, Unknown)


async def test_an_empty_batch_dials_nobody(bench: Bench):
    assert await bench.provider.place([], TUESDAY_2PM) == []
    assert bench.simulator.rings.total == 0


async def test_an_event_is_handed_out_until_it_is_acknowledged(asked: Bench):
    await asked.provider.place([an_action()], TUESDAY_2PM)
    assert await asked.due() == []
    asked.clock.move_to(TUESDAY_2PM + 3_600 * SECOND)
    first = await asked.due()
    assert len(first) == 3
    assert await asked.due() == first
    await asked.provider.acknowledge(first[:1])
    assert await asked.due() == first[1:]
    await asked.provider.acknowledge(["unheard-of", *first])
    assert await asked.due() == []
    assert asked.provider.next_event_at() is None


async def test_events_come_at_most_as_many_as_asked_for(asked: Bench):
    await asked.provider.place([an_action(n, to=p) for n, p in enumerate(phones(20))], TUESDAY_2PM)
    asked.clock.move_to(TUESDAY_2PM + 3_600 * SECOND)
    assert len(await asked.due(7)) == 7


async def test_a_call_can_be_hung_up(bench: Bench):
    (result,) = await bench.provider.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, Accepted)
    bench.clock.move_to(TUESDAY_2PM + 4 * SECOND)
    await bench.provider.hang_up([result.ref, "unheard-of"], bench.clock.now_ms())
    events = await bench.simulator.events(bench.clock.now_ms(), 10)
    assert [e.outcome for e in events if e.kind == "ended"] == ["canceled"]


async def test_it_tells_when_the_next_event_is_due(asked: Bench):
    await asked.provider.place([an_action()], TUESDAY_2PM)
    await asked.due()
    at_ms = asked.provider.next_event_at()
    assert at_ms is not None
    asked.clock.move_to(at_ms - 1)
    assert await asked.due() == []
    asked.clock.move_to(at_ms)
    assert len(await asked.due()) == 1
