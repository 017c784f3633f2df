"""Reports that come while the ledger is away: on disk before they are acknowledged, in once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api import provider_inbox
from api.parts import make_services
from api.problems import KINDS
from dialer.aside import Aside
from dialer.providers.webhook_wire import Report
from scheduler.errors import ServerUnavailable
from scheduler.wheel.spools import marked_spools
from tests.api.reporting import Desk, a_desk_apart, a_live_world, a_report, a_slow_ledger
from tests.builders import MINUTE, PHONE, World, phones
from tests.dialer.builders import until
from tests.outage import Remote, a_remote
from tests.worlds import OpenWorld


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await a_live_world(open_world)


@pytest.fixture
async def remote(ledger_url: str) -> AsyncIterator[Remote]:
    async with a_remote(ledger_url) as remote:
        yield remote


@pytest.fixture
async def desk(world: World, remote: Remote, tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk_apart(world, remote, tmp_path) as desk:
        yield desk


def aside_of(desk: Desk) -> Aside:
    aside = desk.inbox._aside
    assert aside is not None
    return aside


async def drained(desk: Desk) -> None:
    """All is in, and the wheel does not say otherwise."""
    await until(lambda: aside_of(desk).empty, "drained")
    while await marked_spools(desk.world.flow.wheel, 0):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_an_outage_loses_no_report_and_keeps_none_from_being_acknowledged(desk: Desk, remote: Remote):
    """I14 I23 RELIABILITY 3.5: each told twice, backwards; in once, and no state goes back."""
    world = desk.world
    armed = [await world.an_armed_attempt(number) for number in phones(2)]
    remote.cut_off()

    said = {"answered_by": "human", "duration_s": 42, "disposition": "callback"}
    for _ in range(2):
        for each in armed:
            ended = await desk.report(
                each.attempt_id, "completed", callback_at="2026-06-17T15:00:00Z", **said
            )
            assert ended == 204
            for status in ("answered", "ringing"):
                assert await desk.report(each.attempt_id, status) == 204
    assert len(await marked_spools(world.flow.wheel, 0)) == 1
    assert await world.value("SELECT count(*) FROM attempt WHERE state = 'armed'") == 2
    remote.heal()
    await drained(desk)

    for each in armed:
        [attempt] = await world.attempts(each.loop_id)
        assert (attempt["state"], attempt["outcome"], attempt["talk_s"]) == ("done", "completed", 42)
        assert attempt["provider_call_id"] == f"ref-{each.attempt_id}"
        loop = await world.loop(each.loop_id)
        assert loop["status"] == "waiting_callback"
        assert loop["next_at"].isoformat() == "2026-06-17T15:00:00+00:00"
    assert await world.value("SELECT count(*) FROM provider_event") == 6
    assert await world.calls_on_wheel() == 0


async def test_who_says_stop_is_heard_by_the_ledger_or_not_at_all(desk: Desk, remote: Remote):
    """I8 DESIGN 5.5: no 204 from the spool, in the middle of a call as little as at its end."""
    world = desk.world
    armed = await world.an_armed_attempt()
    remote.cut_off()
    assert await desk.report(armed.attempt_id, "ringing") == 204

    for status in ("answered", "completed"):
        body = a_report(status=status, event_id=status, disposition="dnc")
        reply = await desk.post(desk.path(armed.attempt_id), body)
        assert reply.status == 503
        assert (await reply.json())["code"] == "dependency-down"
        assert int(reply.headers["Retry-After"]) > 0
    remote.heal()
    assert await desk.report(armed.attempt_id, "completed", disposition="dnc") == 204

    assert await world.value("SELECT phone FROM suppression") == PHONE
    await drained(desk)
    assert await world.value("SELECT state FROM attempt") == "done"


async def test_what_an_api_leaves_in_an_outage_is_brought_in_by_the_next_on_its_folder(
    world: World, remote: Remote, tmp_path: Path
):
    """F16 I23."""
    armed = await world.an_armed_attempt()
    async with a_desk_apart(world, remote, tmp_path) as first:
        remote.cut_off()
        assert await first.report(armed.attempt_id, "busy") == 204
    assert await marked_spools(world.flow.wheel, 0)
    remote.heal()

    async with a_desk_apart(world, remote, tmp_path) as second:
        await drained(second)

    assert await world.value("SELECT outcome FROM attempt") == "busy"


async def test_nothing_is_written_off_while_an_api_holds_reports(desk: Desk, remote: Remote):
    """I15 DESIGN 5.5: the reconciler has its ledger, the API is cut off from it with the call's end."""
    world = desk.world
    armed = await world.an_armed_attempt()
    reconciler = make_services(world.stores, "webhook", spools=True).reconciler
    await reconciler.step(world.now_ms)
    remote.cut_off()
    assert await desk.report(armed.attempt_id, "completed") == 204

    world.pass_time(16 * MINUTE)
    await reconciler.step(world.now_ms)
    assert await world.value("SELECT state FROM attempt") == "unknown"

    remote.heal()
    await drained(desk)
    assert await world.value("SELECT outcome FROM attempt") == "completed"


async def test_reports_go_behind_those_that_wait_on_disk(
    desk: Desk, remote: Remote, monkeypatch: pytest.MonkeyPatch
):
    """RELIABILITY 3.5: drained in order, though the ledger is back before; what was meant last holds."""
    world = desk.world
    armed = await world.an_armed_attempt()
    assert await desk.report(armed.attempt_id, "completed") == 204
    bring_in, back = desk.inbox._bring_in, asyncio.Event()

    async def later(group: Any) -> None:
        await back.wait()
        await bring_in(group)

    monkeypatch.setattr(desk.inbox, "_bring_in", later)
    remote.cut_off()
    assert await desk.report(armed.attempt_id, "completed", "2", disposition="callback") == 204
    remote.heal()
    assert await desk.report(armed.attempt_id, "completed", "3", disposition="converted") == 204

    [attempt] = await world.attempts(armed.loop_id)
    assert attempt["disposition"] is None
    back.set()
    await drained(desk)
    [attempt] = await world.attempts(armed.loop_id)
    assert attempt["disposition"] == "converted"


async def test_a_full_spool_acknowledges_nothing(world: World, remote: Remote, tmp_path: Path):
    """RELIABILITY 3.5: spool full, 503."""
    armed = await world.an_armed_attempt()
    async with a_desk_apart(world, remote, tmp_path, spool_max_mb=1) as desk:
        remote.cut_off()
        error, number = "x" * 500, 0
        while await desk.report(armed.attempt_id, "ringing", str(number), error=error) == 204:
            number += 1
        assert number > 1000
        assert await desk.report(armed.attempt_id, "busy", error=error) == 503
        remote.heal()
        await drained(desk)
        assert await desk.report(armed.attempt_id, "busy", error=error) == 204
    assert await world.value("SELECT outcome FROM attempt") == "busy"


async def test_without_the_wheel_to_say_so_nothing_is_acknowledged_from_disk(
    desk: Desk, remote: Remote, monkeypatch: pytest.MonkeyPatch
):
    """Who writes off could not know; told again, it counts once."""
    world = desk.world
    armed = await world.an_armed_attempt()

    async def away(*_: Any) -> None:
        raise ServerUnavailable("Redis does not answer")

    remote.cut_off()
    with monkeypatch.context() as patch:
        patch.setattr("dialer.aside.mark_spool", away)
        for _ in range(2):
            assert await desk.report(armed.attempt_id, "busy") == 503
    assert await desk.report(armed.attempt_id, "busy") == 204

    remote.heal()
    await drained(desk)
    assert await world.value("SELECT count(*) FROM provider_event") == 1


async def test_a_spooled_report_of_a_call_that_the_ledger_forgot_is_kept_until_it_knows(
    desk: Desk, remote: Remote
):
    """API 7: unknown call kept 24 h."""
    world = desk.world
    remote.cut_off()
    assert await desk.report(4711, "busy") == 204
    remote.heal()
    await drained(desk)
    assert await world.value("SELECT attempt_id FROM early_report") == 4711


async def test_a_spooled_report_that_cannot_be_taken_in_holds_up_no_other(
    desk: Desk, remote: Remote, monkeypatch: pytest.MonkeyPatch
):
    world = desk.world
    one, other = [await world.an_armed_attempt(number) for number in phones(2)]
    for armed in (one, other):
        assert await desk.report(armed.attempt_id, "completed") == 204
    mean = desk.inbox._mean

    async def means_nothing(account_id: int, attempt_id: int, report: Report) -> None:
        if attempt_id == one.attempt_id:
            raise RuntimeError("not this one")
        await mean(account_id, attempt_id, report)

    remote.cut_off()
    for armed in (one, other):
        assert await desk.report(armed.attempt_id, "completed", "2", disposition="converted") == 204
    with monkeypatch.context() as patch:
        patch.setattr(desk.inbox, "_mean", means_nothing)
        remote.heal()
        await drained(desk)
        assert await desk.inbox.early.take_over() == 0

    converted = "SELECT count(*) FROM attempt WHERE disposition = 'converted'"
    assert await world.value(converted) == 1
    assert await desk.inbox.early.take_over() == 1
    assert await world.value(converted) == 2


async def test_a_ledger_that_is_too_slow_is_not_waited_for_and_the_report_counts_once(desk: Desk):
    """I14: it is committed by the one that waits in memory, and found known when the spool is drained."""
    world = desk.world
    armed = await world.an_armed_attempt()

    async with a_slow_ledger(world):
        for _ in range(2):
            assert await desk.report(armed.attempt_id, "busy") == 204
    await drained(desk)
    await desk.inbox._in.at_rest()

    assert await world.value("SELECT count(*) FROM provider_event") == 1
    assert await world.value("SELECT outcome FROM attempt") == "busy"


async def test_more_reports_than_a_process_holds_are_told_to_come_again_in_an_outage_too(
    desk: Desk, remote: Remote, monkeypatch: pytest.MonkeyPatch
):
    armed = await desk.world.an_armed_attempt()
    remote.cut_off()
    assert await desk.report(armed.attempt_id, "ringing") == 204
    monkeypatch.setattr(provider_inbox, "MOST_WAITING", 0)
    reply = await desk.post(desk.path(armed.attempt_id), a_report())
    assert (await reply.json())["code"] == "backpressure"
    assert reply.status == KINDS["backpressure"].status
