"""News while the ledger is away: on disk before it is acknowledged, in once the ledger is back (I14 I23).

The ledger is reached through a proxy that cuts it off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from api.parts import make_services, open_aside
from dialer import aside
from dialer.aside import Aside
from dialer.news import Group
from dialer.providers.base import Accepted, NotDialled, ProviderEvent, Unknown
from dialer.recorder import Recorder, Sent
from dialer.spool import Spool, open_spool
from scheduler.domain.time import HOUR, MINUTE, SECOND
from scheduler.errors import ServerUnavailable, StartError
from scheduler.flow.arm import Armed
from scheduler.metrics import Metrics
from scheduler.wheel.spools import mark_spool, marked_spools
from tests.builders import TUESDAY_2PM, ScriptedProvider, World, an_event, phones
from tests.dialer.builders import until
from tests.outage import Remote, a_remote
from tests.worlds import OpenWorld


@dataclass
class Outpost:
    """A dialer's recorder whose ledger can be cut off; the world around it sees the ledger all the time."""

    world: World
    recorder: Recorder
    spool: Spool
    remote: Remote

    def cut_off(self) -> None:
        self.remote.cut_off()

    async def marked(self) -> bool:
        return bool(await marked_spools(self.world.flow.wheel, 0))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.recorder.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


def a_spool(folder: Path, max_bytes: int = 1_000_000) -> Spool:
    return open_spool(folder / "spool", max_bytes=max_bytes, new_id=uuid4)


@asynccontextmanager
async def an_outpost(
    world: World, ledger_url: str, folder: Path, *, max_bytes: int = 1_000_000
) -> AsyncIterator[Outpost]:
    async with a_remote(ledger_url) as remote:
        spool = a_spool(folder, max_bytes)
        recorder = Recorder(
            world.flow, remote.database, world.provider, world.clock, Metrics(), group_commit_s=0,
            aside=Aside(spool, world.flow.wheel),
        )  # fmt: skip
        try:
            yield Outpost(world, recorder, spool, remote)
        finally:
            spool.close()


@pytest.fixture
async def outpost(open_world: OpenWorld, ledger_url: str, tmp_path: Path) -> AsyncIterator[Outpost]:
    world = await open_world(provider=ScriptedProvider())
    async with an_outpost(world, ledger_url, tmp_path) as outpost:
        yield outpost


def end_of(armed: Armed, **said: Any) -> ProviderEvent:
    at_ms = TUESDAY_2PM + 30 * SECOND
    return an_event(armed, "ended", at_ms, outcome="completed", rang_until_ms=at_ms, **said)


def answer_to(armed: Armed) -> Sent:
    return Sent(armed.claim, armed.attempt_id, armed.permit, TUESDAY_2PM, Accepted(f"ref-{armed.attempt_id}"))


async def pump(outpost: Outpost, *events: ProviderEvent) -> None:
    """The provider tells, as often as the pump would ask."""
    outpost.world.provider.news += events
    outpost.world.pass_time(MINUTE)
    outpost.recorder.events(await outpost.world.provider.events(outpost.world.now_ms, 1000))


async def test_an_outage_loses_no_news_and_keeps_none_from_being_acknowledged(outpost: Outpost) -> None:
    """F16: events are on disk, then acknowledged; back again, each is stored once, and the mark goes."""
    world = outpost.world
    armed = [await world.an_armed_attempt(number) for number in phones(3)]
    async with outpost.running():
        outpost.cut_off()
        outpost.recorder.sent([answer_to(item) for item in armed])
        await pump(outpost, *map(end_of, armed))
        await until(lambda: len(world.provider.acknowledged) == 3, "acknowledged")
        assert await outpost.marked()
        assert outpost.recorder.waiting == 0
        assert await world.value("SELECT count(*) FROM attempt WHERE state = 'armed'") == 3

        outpost.remote.heal()
        await until(lambda: outpost.spool.empty, "drained")

        async def unmarked() -> bool:
            return not await outpost.marked()

        await until(unmarked, "unmarked")

    rows = await world.rows("SELECT state, outcome, provider_call_id FROM attempt")
    assert {tuple(row)[:2] for row in rows} == {("done", "completed")}
    assert {row["provider_call_id"] for row in rows} == {f"ref-{item.attempt_id}" for item in armed}
    assert await world.value("SELECT count(*) FROM provider_event") == 3
    assert await world.calls_on_wheel() == 0


async def test_who_said_stop_is_told_to_nobody_but_the_ledger(outpost: Outpost) -> None:
    """I8: until the ledger has it, it is not in force; so the provider keeps it, and hands it out again."""
    world = outpost.world
    stops, goes = [await world.an_armed_attempt(number) for number in phones(2)]
    async with outpost.running():
        outpost.cut_off()
        await pump(outpost, end_of(stops, disposition="dnc"), end_of(goes))
        await until(lambda: len(world.provider.acknowledged) == 1, "acknowledged")
        assert world.provider.acknowledged == [f"{goes.attempt_id}-ended"]
        assert outpost.recorder.waiting == 1

        outpost.remote.heal()
        await until(lambda: len(world.provider.acknowledged) > 1, "acknowledged")

    assert await world.value("SELECT count(*) FROM suppression") == 1
    assert world.provider.news == []


async def test_what_a_dialer_leaves_in_an_outage_is_brought_in_by_the_next_on_its_folder(
    open_world: OpenWorld, ledger_url: str, tmp_path: Path
) -> None:
    """F1 F16: the accepted call's id and its end come in, though the provider had forgotten both."""
    world = await open_world(provider=ScriptedProvider())
    armed = await world.an_armed_attempt()
    async with an_outpost(world, ledger_url, tmp_path) as first, first.running():
        first.cut_off()
        first.recorder.sent([answer_to(armed)])
        await pump(first, end_of(armed))
        await until(lambda: world.provider.acknowledged != [], "acknowledged")
    assert await first.marked()

    async with an_outpost(world, ledger_url, tmp_path) as second:
        assert not second.spool.empty
        async with second.running():
            await until(lambda: second.spool.empty, "drained")
        await second.recorder.drain()
        assert not await second.marked()

    row = await world.row("SELECT outcome, provider_call_id FROM attempt")
    assert tuple(row) == ("completed", f"ref-{armed.attempt_id}")


async def test_a_full_spool_acknowledges_nothing_and_forgets_nothing(
    open_world: OpenWorld, ledger_url: str, tmp_path: Path
) -> None:
    world = await open_world(provider=ScriptedProvider())
    armed = [await world.an_armed_attempt(number) for number in phones(3)]
    async with an_outpost(world, ledger_url, tmp_path, max_bytes=50) as outpost, outpost.running():
        outpost.cut_off()
        await pump(outpost, *map(end_of, armed))
        await outpost.recorder._put_aside()
        assert world.provider.acknowledged == []
        assert outpost.recorder.waiting == 3

        outpost.remote.heal()
        await until(lambda: len(world.provider.acknowledged) == 3, "acknowledged")

    assert await world.value("SELECT count(*) FROM attempt WHERE state = 'done'") == 3


async def test_without_the_wheel_to_say_so_nothing_is_acknowledged_from_disk(
    outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes off could not know; the provider keeps it, and the copy on disk does no harm."""
    world = outpost.world
    armed = await world.an_armed_attempt()

    tried = []

    async def away(*_: Any) -> None:
        tried.append(len(tried))
        raise ServerUnavailable("Redis does not answer")

    with monkeypatch.context() as patch:
        patch.setattr("dialer.aside.mark_spool", away)
        async with outpost.running():
            outpost.cut_off()
            await pump(outpost, end_of(armed))
            await until(lambda: not outpost.spool.empty, "on disk")
            await until(lambda: len(tried) > 1, "tried again")  # long after the first group was answered
            assert world.provider.acknowledged == []

            outpost.remote.heal()
            await until(lambda: world.provider.acknowledged != [], "acknowledged")

    assert await world.value("SELECT count(*) FROM provider_event") == 1


async def test_nothing_is_written_off_while_a_spool_holds_news(outpost: Outpost) -> None:
    """I15 DESIGN 5.5: the reconciler has its ledger, the dialer is cut off from it with the call's end."""
    world = outpost.world
    armed = await world.an_armed_attempt()
    reconciler = make_services(world.stores, "scripted", spools=True).reconciler
    await reconciler.step(world.now_ms)  # it runs, and hears what there is
    async with outpost.running():
        outpost.cut_off()
        await pump(outpost, end_of(armed))
        await until(lambda: world.provider.acknowledged != [], "acknowledged")
        world.pass_time(16 * MINUTE)
        await reconciler.step(world.now_ms)
        assert await world.value("SELECT state FROM attempt") == "unknown"

        outpost.remote.heal()
        await until(lambda: outpost.spool.empty, "drained")

    assert await world.value("SELECT outcome FROM attempt") == "completed"


async def test_a_mark_that_a_crash_left_behind_goes_with_the_next_start(outpost: Outpost) -> None:
    """I15: the spool was empty and its mark still there: write-offs would have waited for an hour."""
    await mark_spool(outpost.world.flow.wheel, outpost.spool.names[0], outpost.world.now_ms)

    async with outpost.running():
        while await outpost.marked():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_a_mark_that_came_back_with_a_failover_is_taken_away_again(
    outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I15 F7: found by the simulation."""
    monkeypatch.setattr(aside, "SAY_AGAIN_S", 0.01)
    async with outpost.running():
        await outpost.recorder.drain()
        await mark_spool(outpost.world.flow.wheel, outpost.spool.names[0], outpost.world.now_ms)

        while await outpost.marked():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_a_spool_that_nobody_takes_over_is_waited_for_an_hour(outpost: Outpost) -> None:
    """I15: every armed attempt resolves, also when the machine with the spool is gone for good."""
    world = outpost.world
    await world.an_armed_attempt()
    await mark_spool(world.flow.wheel, "gone", world.now_ms)
    reconciler = make_services(world.stores, "scripted", spools=True).reconciler
    await reconciler.step(world.now_ms)

    world.pass_time(HOUR)
    await reconciler.step(world.now_ms)
    assert await world.value("SELECT outcome FROM attempt") is None
    world.pass_time(SECOND)
    await reconciler.step(world.now_ms)

    assert await world.value("SELECT outcome FROM attempt") == "unknown"


async def test_every_kind_of_news_comes_back_as_it_was(tmp_path: Path, world: World) -> None:
    armed = await world.an_armed_attempt()
    results = [Accepted("r", 5), NotDialled("no", "account", 2.5), Unknown("gone"), None]
    sent = [Sent(armed.claim, armed.attempt_id, armed.permit, TUESDAY_2PM, result) for result in results]
    spool = a_spool(tmp_path)

    assert await spool.put(Group(sent, [end_of(armed, talk_s=3)]))
    group, mark = await spool.head(10)

    assert (group.sent, group.events) == (sent, [end_of(armed, talk_s=3)])
    assert mark is not None
    await spool.drop(mark)
    assert spool.empty
    spool.close()


async def test_two_dialers_of_one_folder_keep_apart_and_the_last_takes_over(
    tmp_path: Path, world: World
) -> None:
    armed = await world.an_armed_attempt()
    first, second = a_spool(tmp_path), a_spool(tmp_path)
    await first.put(Group([], [end_of(armed, event_id="1")]))
    await second.put(Group([], [end_of(armed, event_id="2")]))
    names = {*first.names, *second.names}
    assert len(names) == 2
    first.close()
    second.close()

    heir = a_spool(tmp_path)

    assert {event.event_id for event in (await heir.head(10))[0].events} == {"1", "2"}
    assert set(heir.names) == names
    heir.close()


async def test_a_record_of_another_version_stops_nothing(tmp_path: Path, world: World) -> None:
    armed = await world.an_armed_attempt()
    spool = a_spool(tmp_path)
    spool._records.append([b"\x81\xa3new\xa4kind"])
    await spool.put(Group([], [end_of(armed)]))

    group, _ = await spool.head(10)

    assert len(group.events) == 1
    spool.close()


async def test_the_spool_of_another_ledger_is_left_alone(world: World, tmp_path: Path) -> None:
    """A data directory whose ledger was erased or restored: the same numbers mean other attempts."""
    armed = await world.an_armed_attempt()
    settings = msgspec.structs.replace(world.stores.settings, data_dir=str(tmp_path))
    stores = replace(world.stores, settings=settings)
    async with open_aside(stores) as aside:
        await aside.put(Group([], [end_of(armed)]), world.now_ms)
    other = msgspec.structs.replace(stores.installation, installation_id=uuid4())

    async with open_aside(replace(stores, installation=other)) as aside:
        assert aside._spool.empty
    async with open_aside(stores) as aside:
        assert not aside._spool.empty


async def test_a_folder_that_cannot_be_written_is_said_at_the_start(world: World, tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    settings = msgspec.structs.replace(world.stores.settings, data_dir=str(tmp_path))

    with pytest.raises(StartError, match="spool"):
        async with open_aside(replace(world.stores, settings=settings)):
            pass
