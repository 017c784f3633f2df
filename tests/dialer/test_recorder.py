"""News on its way into the ledger: grouped, folded, committed, and only then acknowledged (DESIGN 5.5)."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from dialer.providers.base import Accepted, ProviderEvent, Unknown
from dialer.recorder import Sent
from dialer.refused import TRIES
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.arm import Armed
from scheduler.ledger.instants import to_ms
from tests.builders import TUESDAY_2PM, FreezingClock, ScriptedProvider, World, an_event, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def scripted(open_world: OpenWorld) -> World:
    world: World = await open_world(provider=ScriptedProvider(), clock=FreezingClock(TUESDAY_2PM))
    return world


def whole_story(armed: Armed, from_ms: Ms = TUESDAY_2PM) -> list[ProviderEvent]:
    """A call that was answered and talked on, as the provider tells it."""
    return [
        an_event(armed, "queued", from_ms),
        an_event(armed, "initiated", from_ms + SECOND),
        an_event(armed, "ringing", from_ms + 2 * SECOND),
        an_event(armed, "answered", from_ms + 9 * SECOND),
        an_event(
            armed, "ended", from_ms + 60 * SECOND, outcome="completed", disposition="not_converted",
            talk_s=51, rang_until_ms=from_ms + 9 * SECOND,
        ),
    ]  # fmt: skip


async def flush_all(world: World) -> None:
    while await world.dialing.recorder.flush():
        pass


@pytest.mark.parametrize("seed", range(6))
async def test_every_order_and_repetition_of_the_news_ends_alike(scripted: World, seed: int) -> None:
    """I5 I6 F21: five copies of each event, shuffled, in groups of any size, before or after the answer."""
    dice = random.Random(seed)
    armed = [await scripted.an_armed_attempt(number) for number in phones(4)]
    news: list[list[ProviderEvent] | Sent] = [
        [event] for item in armed for event in whole_story(item) for _ in range(5)
    ]
    news += [
        Sent(item.claim, item.attempt_id, item.permit, TUESDAY_2PM, Accepted(f"ref-{item.attempt_id}"))
        for item in armed
    ]
    dice.shuffle(news)
    scripted.pass_time(60 * SECOND)
    recorder = scripted.dialing.recorder

    for item in news:
        if isinstance(item, Sent):
            recorder.sent([item])
        else:
            recorder.events(item)
        if dice.random() < 0.3:
            await recorder.flush()
    await flush_all(scripted)

    ended = await scripted.rows("SELECT state, outcome, disposition, talk_s, provider_call_id FROM attempt")
    assert {tuple(row)[:4] for row in ended} == {("done", "completed", "not_converted", 51)}
    assert await scripted.value("SELECT count(DISTINCT provider_call_id) FROM attempt") == 4
    assert {row["attempts"] for row in await scripted.rows("SELECT attempts FROM loop")} == {1}
    assert await scripted.value("SELECT count(*) FROM provider_event") == 20
    assert await scripted.calls_on_wheel() == 0


async def test_nothing_is_acknowledged_before_it_is_committed(scripted: World) -> None:
    """I23: the provider may forget only what the ledger holds."""
    armed = await scripted.an_armed_attempt()
    provider = scripted.provider
    provider.news = whole_story(armed)
    scripted.pass_time(60 * SECOND)
    acknowledge = provider.acknowledge
    seen = []

    async def checking(event_ids: list[str]) -> None:
        seen.append(await scripted.value("SELECT count(*) FROM provider_event"))
        await acknowledge(event_ids)

    provider.acknowledge = checking

    assert await scripted.carry() == 5

    assert (seen, len(provider.acknowledged)) == ([5], 5)


@pytest.mark.parametrize("how", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_with_the_ledger_away_news_is_kept_and_not_acknowledged(scripted: World, how: str) -> None:
    """I23 F14 F19: the group's backend is cut, or its statement canceled, on the way; nothing is lost."""
    armed = await scripted.an_armed_attempt()
    scripted.provider.news = whole_story(armed)
    scripted.pass_time(60 * SECOND)
    await scripted.dialing.pump.carry()
    scripted.dialing.recorder.sent(
        [Sent(armed.claim, armed.attempt_id, armed.permit, TUESDAY_2PM, Unknown("timeout"))]
    )
    async with scripted.stores.database.transaction() as on:
        await on.execute("LOCK TABLE lead")  # the settle waits here, and is cut
        flush = asyncio.create_task(scripted.dialing.recorder.flush())
        await _cut_whoever_waits(scripted, how)
        with pytest.raises(ServerUnavailable):
            await flush

    assert scripted.provider.acknowledged == []
    assert scripted.dialing.recorder.waiting == 6
    assert await scripted.value("SELECT state FROM attempt") == "armed"

    await flush_all(scripted)

    assert len(scripted.provider.acknowledged) == 5
    assert await scripted.value("SELECT outcome FROM attempt") == "completed"
    assert scripted.dialing.recorder.waiting == 0


async def test_an_acknowledgement_that_fails_costs_the_wheel_nothing(scripted: World) -> None:
    """I12: the call's slot is free, the next attempt is placed; the events come again and change nothing."""
    armed = await scripted.an_armed_attempt()
    scripted.provider.news = whole_story(armed)
    scripted.pass_time(60 * SECOND)
    acknowledge = scripted.provider.acknowledge

    async def away(event_ids: list[str]) -> None:
        scripted.provider.acknowledge = acknowledge
        raise ServerUnavailable("the provider does not answer")

    scripted.provider.acknowledge = away
    await scripted.dialing.pump.carry()
    await scripted.dialing.recorder.flush()

    assert await scripted.calls_on_wheel() == 0
    assert await scripted.carry() == 5
    assert scripted.provider.news == []
    assert (await scripted.loop(armed.loop_id))["attempts"] == 1


async def test_a_wheel_that_is_away_keeps_no_news_back(
    scripted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: the ledger has the outcome; the wheel's part is mended by its own leases and the sweeper."""
    armed = await scripted.an_armed_attempt()
    scripted.provider.news = whole_story(armed)
    scripted.pass_time(60 * SECOND)

    async def away(**rest: object) -> None:
        raise ServerUnavailable("Redis does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(scripted.flow.wheel, "settle", away)
        assert await scripted.carry() == 5

    loop = await scripted.loop(armed.loop_id)
    assert (loop["status"], loop["attempts"]) == ("scheduled", 1)
    assert await scripted.waiting_on_wheel() == 0
    scripted.clock.move_to(to_ms(loop["next_at"]))
    await scripted.services.sweeper.step(scripted.now_ms)
    await scripted.services.feeder.step(scripted.now_ms)
    assert await scripted.waiting_on_wheel() == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_the_first_end_wins_within_one_group(scripted: World, order: tuple[int, ...]) -> None:
    """I5: one group, two ends that contradict each other and an answer; exactly one end is written."""
    armed = await scripted.an_armed_attempt()
    busy = an_event(armed, "ended", TUESDAY_2PM, event_id="a", outcome="busy")
    reached = an_event(armed, "ended", TUESDAY_2PM, event_id="b", outcome="completed")
    answered = an_event(armed, "answered", TUESDAY_2PM)
    news = [busy, reached, answered]

    scripted.dialing.recorder.events([news[at] for at in order])
    await flush_all(scripted)

    first = "busy" if order.index(0) < order.index(1) else "completed"
    assert await scripted.value("SELECT outcome FROM attempt") == first
    assert (await scripted.books()).attempts == 1


async def _cut_whoever_waits(world: World, how: str) -> None:
    for _ in range(10_000):
        if await world.value(
            f"SELECT count({how}(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            return
    raise AssertionError("nobody waits for a lock")


async def test_news_that_the_ledger_cannot_hold_stands_alone(scripted: World) -> None:
    """I15: one provider's nonsense neither ends the dialer nor holds up what came with it."""
    armed = [await scripted.an_armed_attempt(number) for number in phones(3)]
    scripted.pass_time(60 * SECOND)
    recorder = scripted.dialing.recorder
    for item, error in zip(armed, (None, "no\x00sense", None), strict=True):
        at_ms = TUESDAY_2PM + 20 * SECOND
        recorder.events([an_event(item, "ended", at_ms, outcome="not_reached", error=error)])

    await flush_all(scripted)

    states = [(await scripted.attempts(item.loop_id))[0]["state"] for item in armed]
    assert states == ["done", "armed", "done"]
    assert recorder.waiting == 0


def _freeze(world: World, seconds: float) -> None:
    assert isinstance(world.clock, FreezingClock)
    world.clock.freeze(seconds)


REFUSES = "ALTER TABLE attempt ADD CONSTRAINT later CHECK (attempt_id <> %d OR state <> 'done') NOT VALID"


async def test_news_that_the_ledger_refuses_for_a_while_goes_in_later(scripted: World) -> None:
    """I15 I23: whatever the ledger has against one attempt, its end is kept, and what came with it is in."""
    armed = [await scripted.an_armed_attempt(number) for number in phones(2)]
    scripted.pass_time(60 * SECOND)
    recorder, refused = scripted.dialing.recorder, armed[0]
    await scripted.run(REFUSES % refused.attempt_id)
    events = [an_event(item, "ended", TUESDAY_2PM + SECOND, outcome="not_reached") for item in armed]
    recorder.events(events)

    await flush_all(scripted)
    assert scripted.provider.acknowledged == [events[1].event_id]
    _freeze(scripted, 1.0)
    await flush_all(scripted)
    assert (await scripted.attempts(refused.loop_id))[0]["state"] == "armed"

    await scripted.run("ALTER TABLE attempt DROP CONSTRAINT later")
    _freeze(scripted, 1.0)
    await flush_all(scripted)
    assert (await scripted.attempts(refused.loop_id))[0]["outcome"] == "not_reached"
    assert sorted(scripted.provider.acknowledged) == sorted(event.event_id for event in events)


async def test_news_that_is_refused_again_and_again_is_left_to_the_provider(
    scripted: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """I15: after a minute it is given up with a line in the log, is never acknowledged, and the attempt is
    looked up or written off."""
    refused = await scripted.an_armed_attempt()
    scripted.pass_time(60 * SECOND)
    await scripted.run(REFUSES % refused.attempt_id)
    scripted.dialing.recorder.events([an_event(refused, "ended", TUESDAY_2PM, outcome="not_reached")])
    for _ in range(TRIES):
        await flush_all(scripted)
        _freeze(scripted, 100)
    await scripted.run("ALTER TABLE attempt DROP CONSTRAINT later")
    _freeze(scripted, 100)
    await flush_all(scripted)

    assert scripted.provider.acknowledged == []
    assert (await scripted.attempts(refused.loop_id))[0]["state"] == "armed"
    assert "news_given_up" in capsys.readouterr().out
