"""The reconciler: attempts that nobody reported on are looked up, then written off (RELIABILITY 3.2.13)."""

from __future__ import annotations

import pytest

from scheduler.domain.model import Lead
from scheduler.domain.time import HOUR, MINUTE, SECOND
from scheduler.errors import ServerUnavailable
from scheduler.flow import courses
from scheduler.flow.lookup import Found, FoundCall, Lookup, NoCall
from scheduler.flow.settle import Report
from scheduler.ledger.instants import to_datetime, to_ms
from tests.builders import TUESDAY_2PM, ScriptedProvider, World, an_event, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def scripted(open_world: OpenWorld) -> World:
    """A provider that cannot say what became of a call, unless a test tells it."""
    world: World = await open_world(provider=ScriptedProvider())
    return world


async def test_an_armed_attempt_that_nobody_reports_on_becomes_unknown_then_is_written_off(
    scripted: World,
) -> None:
    """I15 C4: unknown after 20 s, over after 15 min; it counts as a call."""
    world = scripted
    armed = await world.an_armed_attempt()

    async def state_after(seconds: int) -> tuple[str, str | None]:
        world.clock.move_to(TUESDAY_2PM + seconds * SECOND)
        await world.services.reconciler.step(world.now_ms)
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

    await world.services.reconciler.step(world.now_ms)

    assert (await world.attempts(armed.loop_id))[0]["state"] == "in_call"


async def test_the_reconciler_says_when_it_is_needed_next(world: World) -> None:
    """DESIGN 1: a stepped clock stops where an attempt is to be given up."""
    assert await world.services.reconciler.next_at() is None
    await world.an_armed_attempt()

    assert await world.services.reconciler.next_at() == TUESDAY_2PM + 900 * SECOND


@pytest.mark.parametrize("outage", ["stopped", "ledger away"])
async def test_news_that_waited_comes_before_any_writing_off(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch, outage: str
) -> None:
    """DESIGN 5.5: after an hour in which nothing ran, or nothing could be written, a customer who was won is
    not called again for want of a report that lies ready at the provider."""
    provider = ScriptedProvider()
    world = await open_world(provider=provider)
    armed = await world.an_armed_attempt()
    await world.services.reconciler.step(world.now_ms)
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
                await world.services.reconciler.step(world.now_ms)

    await world.services.reconciler.step(world.now_ms)
    await world.carry()
    world.pass_time(MINUTE)
    await world.services.reconciler.step(world.now_ms)

    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"]) == ("ended", "converted")
    assert (await world.books()).outcomes == {"completed": 1}


async def test_two_reconcilers_write_off_once(open_world: OpenWorld) -> None:
    """F28 I6: both find the attempt overdue."""
    one, other = await open_world(), await open_world()
    armed = await one.an_armed_attempt()
    at_ms = TUESDAY_2PM + 900 * SECOND
    for world in (one, other):
        await world.services.reconciler.step(at_ms - MINUTE)

    await one.services.reconciler.step(at_ms)
    await other.services.reconciler.step(at_ms)

    assert (await one.loop(armed.loop_id))["attempts"] == 1
    assert (await one.books()).outcomes == {"unknown": 1}


async def test_a_call_that_the_provider_has_is_settled_as_if_it_had_reported(scripted: World) -> None:
    """C6 C7: the answer was lost, the look-up finds the call, first under way, then over. I5 I12 I15."""
    armed = await scripted.an_armed_attempt()
    found = scripted.provider.found
    found[armed.attempt_id] = FoundCall("their-1", "in_call", answered_at_ms=TUESDAY_2PM + SECOND)
    scripted.pass_time(21 * SECOND)
    await scripted.services.reconciler.step(scripted.now_ms)

    [attempt] = await scripted.attempts(armed.loop_id)
    assert (attempt["state"], attempt["provider_call_id"]) == ("in_call", "their-1")
    assert await scripted.calls_on_wheel() == 1

    over_ms = TUESDAY_2PM + MINUTE
    found[armed.attempt_id] = FoundCall(
        "their-1", "in_call", outcome="completed", disposition="converted", ended_at_ms=over_ms,
        rang_until_ms=TUESDAY_2PM + SECOND, talk_s=50,
    )  # fmt: skip
    scripted.pass_time(8 * MINUTE)
    await scripted.services.reconciler.step(scripted.now_ms)

    loop = await scripted.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"]) == ("ended", "converted")
    assert await scripted.calls_on_wheel() == 0


async def test_what_the_provider_proves_it_never_had_gives_everything_back(scripted: World) -> None:
    """C4: no attempt is used up, and the loop is called soon. I1 I11 I15."""
    armed = await scripted.an_armed_attempt()
    scripted.provider.found[armed.attempt_id] = NoCall()
    scripted.pass_time(21 * SECOND)

    await scripted.services.reconciler.step(scripted.now_ms)

    [attempt] = await scripted.attempts(armed.loop_id)
    loop = await scripted.loop(armed.loop_id)
    assert (attempt["state"], loop["status"], loop["attempts"]) == ("not_sent", "scheduled", 0)
    assert await scripted.value("SELECT cardinality(contacts) FROM lead") == 0
    assert await scripted.calls_on_wheel() == 0
    scripted.pass_time(5 * SECOND)
    assert await scripted.dial() == 1
    assert [action.attempt_id for action in scripted.provider.placed] == [armed.attempt_id]


async def test_a_look_up_that_is_overtaken_by_a_new_permit_takes_nothing_back(scripted: World) -> None:
    """I1 I5: two reconcilers ask, one is slow; meanwhile the loop was called again."""
    armed = await scripted.an_armed_attempt()
    slow = scripted.provider.find

    async def overtaken(attempts: list[Lookup], now_ms: int) -> list[Found]:
        await scripted.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))
        await scripted.arm([await scripted.claim_of(armed.loop_id)])
        await slow(attempts, now_ms)
        return [NoCall()]

    scripted.services.reconciler._find = overtaken
    scripted.pass_time(21 * SECOND)
    await scripted.services.reconciler.step(scripted.now_ms)

    [attempt] = await scripted.attempts(armed.loop_id)
    assert attempt["state"] == "armed"
    assert attempt["permit"] != armed.permit


async def test_look_ups_come_after_pauses_that_grow_and_once_more_before_the_end(scripted: World) -> None:
    await scripted.an_armed_attempt()
    asked_s = []
    for second in range(21, 905):
        scripted.clock.move_to(TUESDAY_2PM + second * SECOND)
        before = len(scripted.provider.asked)
        await scripted.services.reconciler.step(scripted.now_ms)
        if len(scripted.provider.asked) > before:
            asked_s.append(second)

    assert asked_s == [21, 26, 36, 56, 96, 176, 336, 656, 900]


async def test_what_was_armed_before_the_installation_got_a_new_id_is_not_looked_up(scripted: World) -> None:
    """F18: its key is unknown now, and "no such call" would prove nothing."""
    armed = await scripted.an_armed_attempt()
    scripted.provider.found[armed.attempt_id] = NoCall()
    await scripted.run("UPDATE installation SET renewed_at = $1", to_datetime(scripted.now_ms))
    scripted.pass_time(21 * SECOND)

    await scripted.services.reconciler.step(scripted.now_ms)

    assert scripted.provider.asked == []
    assert (await scripted.attempts(armed.loop_id))[0]["state"] == "unknown"


async def test_a_provider_that_is_away_keeps_nothing_from_being_written_off(scripted: World) -> None:
    """I15."""
    armed = await scripted.an_armed_attempt()

    async def away(*rest: object) -> list[Found]:
        raise ServerUnavailable("the provider does not answer")

    scripted.services.reconciler._find = away
    await scripted.services.reconciler.step(scripted.now_ms)
    scripted.pass_time(900 * SECOND)
    await scripted.services.reconciler.step(scripted.now_ms)

    assert (await scripted.attempts(armed.loop_id))[0]["outcome"] == "unknown"


async def test_one_attempt_that_cannot_be_settled_keeps_no_other_from_it(
    scripted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14 I15: a planner that fails over one lead."""
    bad = await scripted.an_armed_attempt()
    good = await scripted.an_armed_attempt(phones(2)[1])
    plans = courses.plan

    def planned(loop: object, policy: object, lead: Lead, *rest: object) -> object:
        if lead.key == bad_key:
            raise AssertionError("nobody foresaw this")
        return plans(loop, policy, lead, *rest)  # type: ignore[arg-type]

    bad_key = scripted.flow.lead_key(None, bad.phone)
    monkeypatch.setattr(courses, "plan", planned)
    await scripted.services.reconciler.step(scripted.now_ms)
    scripted.pass_time(900 * SECOND)
    await scripted.services.reconciler.step(scripted.now_ms)

    assert (await scripted.attempts(good.loop_id))[0]["outcome"] == "unknown"
    assert (await scripted.attempts(bad.loop_id))[0]["outcome"] is None
