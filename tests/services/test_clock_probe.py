"""The clock probe: nothing is armed while clocks that judge hours and leases are apart (I26)."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import generate_latest

from api.assembly import api_app
from scheduler.domain.time import HOUR, SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.services.clock_probe import ClockProbe
from tests.builders import TUESDAY_2PM, World
from tests.dialer.builders import HandClock, a_loop_due_in, leased, turn
from tests.worlds import OpenWorld


class WrongClock(HandClock):
    """A machine whose wall time is wrong by `wrong_ms`."""

    wrong_ms: Ms = 0

    def wall_ms(self) -> Ms:
        return super().wall_ms() + self.wrong_ms


@pytest.fixture
async def wrong(open_world: OpenWorld) -> World:
    world: World = await open_world(clock=WrongClock(TUESDAY_2PM))
    return world


def probe_of(world: World) -> ClockProbe:
    probe = world.dialing.probe
    assert probe is not None
    return probe


@pytest.mark.parametrize("wrong_ms", [5 * SECOND, -5 * SECOND, HOUR])
async def test_a_dialer_whose_clock_is_wrong_arms_nothing_until_it_is_right_again(
    wrong: World, wrong_ms: Ms
) -> None:
    """I26: from one probe to the next, and by itself."""
    await wrong.a_due_loop()
    wrong.clock.wrong_ms = wrong_ms  # type: ignore[attr-defined]
    await probe_of(wrong).step(wrong.now_ms)

    assert await wrong.dial() == 0
    assert "apart" in probe_of(wrong).said

    wrong.clock.wrong_ms = 0  # type: ignore[attr-defined]
    await probe_of(wrong).step(wrong.now_ms)
    assert await wrong.dial() == 1


async def test_a_dialer_whose_clock_is_set_claims_nothing_before_the_next_probe(wrong: World) -> None:
    """I14 I26: an hour ahead for a moment, it would lease loops and spend tokens an hour ahead."""
    probe = probe_of(wrong)
    await probe.step(wrong.now_ms)
    await wrong.a_due_loop()
    wrong.clock.wrong_ms = HOUR  # type: ignore[attr-defined]

    assert await wrong.dial() == 0
    assert await wrong.waiting_on_wheel() == 1
    assert "was set" in probe.said

    wrong.clock.wrong_ms = 0  # type: ignore[attr-defined]
    await probe.step(wrong.now_ms)
    assert await wrong.dial() == 1


async def test_a_clock_that_was_set_is_not_trusted_while_others_are_being_asked_nor_when_none_answers(
    wrong: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14 I26: a comparison can take seconds, and says nothing while every server is away."""
    probe, trusted = probe_of(wrong), []
    await probe.step(wrong.now_ms)
    wrong.clock.wrong_ms = HOUR  # type: ignore[attr-defined]

    async def away(*rest: object) -> Ms:
        trusted.append(probe.may_arm())
        raise ServerUnavailable("it does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(probe, "_postgres_ms", away)
        patched.setattr(wrong.flow.wheel, "server_time_ms", away)
        await probe.step(wrong.now_ms)
    assert trusted == [False, False]
    assert not probe.may_arm()

    wrong.clock.wrong_ms = 0  # type: ignore[attr-defined]
    await probe.step(wrong.now_ms)
    assert probe.may_arm()


async def test_a_small_difference_is_an_alarm_and_no_more(wrong: World) -> None:
    await wrong.a_due_loop()
    wrong.clock.wrong_ms = 600  # type: ignore[attr-defined]
    await probe_of(wrong).step(wrong.now_ms)

    assert "the clocks of" in probe_of(wrong).said
    assert b"dialwheel_clock_skew_seconds 0." in generate_latest(wrong.stores.metrics.registry)
    assert await wrong.dial() == 1


@pytest.mark.parametrize("server", ["postgres", "wheel"])
async def test_a_server_whose_clock_is_wrong_stops_everybody(
    wrong: World, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """I26: each alone, Postgres and the wheel's shard."""
    probe = probe_of(wrong)

    async def ahead(*rest: object) -> Ms:
        return wrong.clock.wall_ms() + 3 * SECOND

    if server == "postgres":
        monkeypatch.setattr(probe, "_postgres_ms", ahead)
    else:
        monkeypatch.setattr(wrong.flow.wheel, "server_time_ms", ahead)
    await probe.step(wrong.now_ms)

    assert not probe.may_arm()
    assert {"postgres": "Postgres", "wheel": "the wheel"}[server] in probe.said


async def test_a_slow_answer_proves_nothing_about_a_clock(
    wrong: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the time that asking took is the error: a server that took four seconds may be two apart."""

    async def slow(*rest: object) -> Ms:
        wrong.clock.freeze(4.0)  # type: ignore[attr-defined]
        return wrong.clock.wall_ms() - 100

    monkeypatch.setattr(probe_of(wrong), "_postgres_ms", slow)

    async def away(*rest: object) -> Ms:
        raise ServerUnavailable("the wheel does not answer")

    monkeypatch.setattr(wrong.flow.wheel, "server_time_ms", away)
    await probe_of(wrong).step(wrong.now_ms)

    assert probe_of(wrong).may_arm()


async def test_what_a_dialer_holds_is_given_back_when_its_clock_is_found_wrong(wrong: World) -> None:
    """I14 I26: others take it over at once, not after a lease."""
    claimer = wrong.dialing.worker._claimer(0, "by-turns")
    await a_loop_due_in(wrong, 100)
    await turn(claimer)
    assert await leased(wrong) == 1

    wrong.clock.wrong_ms = -HOUR  # type: ignore[attr-defined]
    await probe_of(wrong).step(wrong.now_ms)
    await turn(claimer)

    assert await leased(wrong) == 0
    assert await wrong.waiting_on_wheel() == 1


async def test_readyz_says_which_clocks_are_apart(wrong: World) -> None:
    """I26: 503 while nothing is armed, with what to do about it."""
    app = api_app(wrong.stores, None, probe_of(wrong))
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/readyz")).status == 200
        wrong.clock.wrong_ms = 5 * SECOND  # type: ignore[attr-defined]
        await probe_of(wrong).step(wrong.now_ms)

        said = await client.get("/readyz?verbose")

        assert said.status == 503
        [clocks] = [check for check in (await said.json())["checks"] if check["name"] == "clocks"]
        assert not clocks["ok"]
        assert "NTP" in clocks["detail"]
        assert (await client.get("/readyz")).status == 503
