"""The witness: a ledger that was put back is noticed by whatever is left of what was seen of it (F18)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from dialer.journal import open_journal
from dialer.providers.base import ProviderEvent
from scheduler.domain.time import DAY, SECOND
from scheduler.errors import ServerUnavailable
from scheduler.ledger.quarantine import journals_of, open_gap
from scheduler.services.witness import Witness
from scheduler.wheel.witness import journals_witnessed, witness, witnessed
from tests.builders import ScriptedProvider, World, empty, phones
from tests.restored import Watched
from tests.worlds import OpenWorld


@pytest.fixture
async def watched(open_world: OpenWorld, tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(await open_world(provider=ScriptedProvider()), tmp_path)
    yield watched
    watched.journal.close()


def another(world: World, **how: bool) -> Witness:
    """Of a process without a journal, that has seen nothing so far."""
    return Witness(world.flow, world.stores.database, installation="i", journal=None, period_s=1.0, **how)


async def beat_of(world: World) -> int:
    return int(await world.value("SELECT beat FROM installation"))


async def test_nothing_is_armed_before_the_ledger_was_looked_at(watched: Watched) -> None:
    """F18: a dialer that starts on a restored ledger calls nobody."""
    await watched.world.a_due_loop()
    assert not watched.witness.may_arm()
    assert await watched.world.dial() == 0
    assert await watched.look()
    assert await watched.world.dial() == 1


async def test_of_all_processes_one_raises_the_beat_each_second(watched: Watched) -> None:
    world = watched.world
    others = [another(world) for _ in range(3)]
    for second in range(1, 4):
        assert await watched.look()
        for each in others:
            await each.step(world.now_ms)
        assert await beat_of(world) == second
    assert world.flow.standing.seen_beat == 3
    assert (await witnessed(world.flow.wheel, "i")).beat == 3
    assert watched.journal.beat == (3, world.now_ms)


@pytest.mark.parametrize("left", ["the wheel", "the journal", "a process"])
async def test_any_one_witness_is_enough(
    watched: Watched, open_world: OpenWorld, valkey_url: str, tmp_path: Path, left: str
) -> None:
    """F18: at the start of a process, or while it runs."""
    world = watched.world
    earlier = await watched.backup()
    for _ in range(3):
        assert await watched.look()
    await watched.restore(earlier)
    if left != "the wheel":
        await empty(valkey_url)
    if left == "a process":
        judge = watched.witness
        watched.journal.beat = (0, 0)
    else:
        fresh = await open_world(provider=ScriptedProvider(), ready=False)
        watched.journal.close()
        folder = tmp_path if left == "the journal" else tmp_path / "new"
        watched = Watched(fresh, folder)
        judge = watched.witness
    world.pass_time(SECOND)
    await judge.step(world.now_ms)

    assert not judge.may_arm()
    gap = await open_gap(world.stores.database)
    assert gap is not None
    assert "lacks what was seen" in gap.why
    assert await beat_of(world) == 0, "no beat on a ledger that was put back: it would soon look whole"


async def test_a_beat_that_another_installation_left_on_the_wheel_means_nothing(watched: Watched) -> None:
    await witness(watched.world.flow.wheel, "another", 99, None, 1)
    assert await watched.look()


async def test_without_the_wheel_the_ledger_is_looked_at_all_the_same(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I16: an outage of the wheel is no reason for a quarantine, nor hides one."""
    assert await watched.look()

    async def away(*_: object) -> None:
        raise ServerUnavailable("Redis does not answer")

    monkeypatch.setattr(watched.world.flow.wheel._servers, "command", away)
    with pytest.raises(ServerUnavailable):  # it could not be told
        await watched.look()
    assert watched.witness.may_arm()
    await watched.world.run("UPDATE installation SET beat = 0")
    assert not await watched.look()


async def test_a_promoted_standby_is_adopted_only_where_commits_wait_for_it(watched: Watched) -> None:
    """RELIABILITY 3.5: (1) a synchronous standby, or (2) quarantine."""
    world = watched.world
    promoted = (
        "UPDATE installation SET identity = split_part(ledger_identity(), ':', 1) || ':00000000:'"
        " || split_part(ledger_identity(), ':', 3)"
    )
    assert await watched.look()
    await world.run(promoted)
    safe = another(world, failover_safe=True)
    await safe.step(world.now_ms)
    assert safe.may_arm()
    assert await watched.look()

    await world.run(promoted)
    assert not await watched.look()
    assert "promoted" in (await watched.gap()).why
    await safe.step(world.now_ms)
    assert not safe.may_arm(), "once it is in quarantine an operator looks"


async def test_another_server_or_database_is_never_adopted(watched: Watched) -> None:
    """F18: a dump that was loaded elsewhere."""
    world = watched.world
    assert await watched.look()
    await world.run("UPDATE installation SET identity = '1:00000001:2'")
    safe = another(world, failover_safe=True)
    await safe.step(world.now_ms)
    assert not safe.may_arm()


async def test_what_a_process_keeps_in_memory_is_read_anew(watched: Watched) -> None:
    """F18: ids and versions of the forgotten time mean something else afterwards."""
    world = watched.world
    earlier = await watched.backup()
    await world.a_due_loop()
    assert await watched.look()
    assert world.flow.lanes.known()

    await watched.restore(earlier)
    await watched.look()

    assert world.flow.lanes.known() == []
    await watched.reconcile()
    assert await watched.look()
    loop_id = await world.a_due_loop()
    await watched.dial()
    assert [a.attempt_id for a in world.provider.placed] == [
        row["attempt_id"] for row in await world.attempts(loop_id)
    ]


async def test_journals_are_told_again_until_all_that_was_under_way_is_in(watched: Watched) -> None:
    """I1: a send that had its permit just before is in the journal a moment later."""
    world = watched.world
    earlier = await watched.backup()
    for number in phones(2):
        await world.a_due_loop(number)
    assert await watched.look()
    await watched.restore(earlier)
    assert not await watched.look()
    gap = await watched.gap()
    assert [each.told for each in await journals_of(world.stores.database, gap)] == [gap.quarantine_id]

    await watched.journal.opted_out(world.account_id, ["late"], world.now_ms)
    assert not await watched.look()

    assert await world.value("SELECT who FROM testimony") == "late"
    assert not await watched.look()
    assert await world.value("SELECT count(*) FROM testimony") == 1


async def test_reports_wait_with_the_provider_while_the_ledger_does_not_know_their_calls(
    watched: Watched,
) -> None:
    """I23: acknowledged, they would be lost."""
    world = watched.world
    loop_id = await world.a_due_loop()
    earlier = await watched.backup()
    assert await watched.look()
    await watched.dial()
    [action] = world.provider.placed
    end = ProviderEvent(
        "e", action.key, action.attempt_id, "ref", "ended", world.now_ms, outcome="not_reached"
    )
    await watched.restore(earlier)
    assert not await watched.look()
    world.provider.news = [end]

    assert not world.dialing.pump._may_carry()
    await watched.reconcile()
    assert await watched.look()
    assert world.dialing.pump._may_carry()
    await world.carry()

    [attempt] = await world.attempts(loop_id)
    assert (attempt["attempt_id"], attempt["outcome"]) == (action.attempt_id, "not_reached")


async def test_journals_of_machines_that_are_gone_are_forgotten(watched: Watched) -> None:
    """The set is read as a whole when a quarantine begins."""
    world = watched.world
    await witness(world.flow.wheel, "i", 0, "gone", world.now_ms - 32 * DAY)
    await witness(world.flow.wheel, "i", 0, "here", world.now_ms - 30 * DAY)
    assert await watched.look()

    known = await journals_witnessed(world.flow.wheel, "i")
    assert known.keys() == {"here", watched.journal.name}


async def test_a_new_journal_is_none_of_those_that_must_tell(watched: Watched, tmp_path: Path) -> None:
    """F18: that of an operator's own machine had no part in the forgotten time."""
    world = watched.world
    for _ in range(2):
        assert await watched.look()
    await world.run("UPDATE installation SET beat = 0")
    assert not await watched.look()
    new = open_journal(tmp_path / "elsewhere", max_bytes=10**6, keep_ms=DAY, new_id=uuid4)
    world.pass_time(SECOND)
    await Witness(world.flow, world.stores.database, installation="i", journal=new, period_s=1.0).step(
        world.now_ms
    )

    journals = await journals_of(world.stores.database, await watched.gap())

    assert [each.name for each in journals] == [watched.journal.name]
    assert await world.value("SELECT count(*) FROM journal WHERE told IS NOT NULL") == 2
    new.close()
