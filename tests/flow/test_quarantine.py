"""A ledger that was put back to an earlier state gives no permit until it knows again (RELIABILITY F18)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from dialer.providers.simulated import SimulatedProvider
from scheduler.domain.time import DAY, HOUR, MINUTE
from scheduler.errors import Quarantined
from scheduler.flow.quarantine import Mark, Standing
from scheduler.flow.settle import Report
from scheduler.ledger.instants import to_ms
from scheduler.services.rebuild import rebuild
from tests.builders import PHONE, ScriptedProvider, World, an_end, phones
from tests.restored import Watched
from tests.worlds import OpenWorld


@pytest.fixture
async def watched(open_world: OpenWorld, tmp_path: Path) -> AsyncIterator[Watched]:
    """A dialer on a provider that answers as it is told, with a journal; its ledger is whole."""
    watched = Watched(await open_world(provider=ScriptedProvider()), tmp_path)
    assert await watched.look()
    yield watched
    watched.journal.close()


# -- the arm ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lost",
    [
        "UPDATE installation SET beat = beat - 1",
        "UPDATE installation SET identity = 'another:server'",
        "INSERT INTO quarantine (began_at, why, ledger_at, seen_at, seen_beat)"
        " VALUES (now(), 'somebody noticed', now(), now(), 9)",
    ],
    ids=["it lacks a beat", "it is another store", "somebody has noticed"],
)
async def test_a_ledger_that_was_put_back_gives_no_permit(watched: Watched, lost: str) -> None:
    """I1, F18: refused by the arm itself, whether or not this process has noticed."""
    world = watched.world
    loop_id = await world.a_due_loop()
    await world.run(lost)

    with pytest.raises(Quarantined):
        await world.arm([await world.claim_of(loop_id)])

    assert await world.attempts(loop_id) == []


async def test_a_ledger_without_the_last_attempt_that_was_armed_in_it_gives_no_permit(world: World) -> None:
    """I1: a disk that lost a moment's writes has the same name and the same beat."""
    first = await world.an_armed_attempt()
    loop_id = await world.a_due_loop(phones(2)[1])
    await world.run("DELETE FROM attempt WHERE attempt_id = $1", first.attempt_id)

    with pytest.raises(Quarantined):
        await world.arm([await world.claim_of(loop_id)])


async def test_claims_that_got_no_permit_wait_for_the_end_of_the_quarantine(watched: Watched) -> None:
    """I14: given back to their lane, sent once it is over."""
    world = watched.world
    loop_id = await world.a_due_loop()
    await world.run("UPDATE installation SET beat = beat - 1")
    await watched.dial()
    assert world.provider.placed == []

    assert not await watched.look()
    assert await watched.dial() == 0, "nothing is claimed any more"
    await watched.reconcile()
    assert await watched.look()
    await watched.dial()

    assert [action.attempt_id for action in world.provider.placed] == [
        row["attempt_id"] for row in await world.attempts(loop_id)
    ]


def test_what_was_armed_is_asked_for_until_a_later_beat_covers_it() -> None:
    """I1: an attempt may be erased one day; a beat never is."""
    standing = Standing()
    standing.armed(7, 3)
    before = standing.mark
    assert standing.marked() == (7, 3)

    standing.armed(8, 4)
    standing.saw(5, mark=before, beaten=True)
    assert standing.marked() == (8, 4), "armed while the beat was on its way"
    standing.saw(5, mark=standing.mark, beaten=False)
    standing.saw(5, mark=standing.mark, beaten=False)
    assert standing.mark == Mark(8, 4, 5), "another's beat may be from before the arm"
    standing.saw(6, mark=standing.mark, beaten=False)
    assert standing.marked() == (0, 0)
    standing.armed(9, 4)
    standing.saw(7, mark=standing.mark, beaten=True)
    assert (standing.marked(), standing.seen_beat) == ((0, 0), 7)


# -- what was forgotten ----------------------------------------------------------------------------------


async def test_whom_a_restored_ledger_has_forgotten_is_not_called_again(
    open_world: OpenWorld, tmp_path: Path
) -> None:
    """I1, I11, I23, F18: each forgotten call is an attempt again under its id, looked up, and counted."""
    world: World = await open_world()
    assert isinstance(world.provider, SimulatedProvider)
    watched = Watched(world, tmp_path)
    numbers = phones(6)
    await watched.look()
    for number in numbers:
        await world.a_due_loop(number)
    earlier = await watched.backup()
    assert await watched.look()
    await watched.dial()
    rung = {row["loop_id"]: row["attempt_id"] for row in await world.rows("SELECT * FROM attempt")}
    assert world.provider.rings.total == len(rung) == 6

    await watched.restore(earlier)
    assert await world.rows("SELECT * FROM attempt") == []
    assert not await watched.look()
    done = await watched.reconcile()
    assert await watched.look()
    await watched.dial()
    world.pass_time(MINUTE)
    await world.services.reconciler.step(world.now_ms)
    world.pass_time(HOUR)
    await world.services.reconciler.step(world.now_ms)

    assert (done.attempts, done.contacts, done.held) == (6, 0, 0)
    assert world.provider.rings.total == 6, "nobody was called twice"
    attempts = await world.rows("SELECT * FROM attempt")
    assert {row["loop_id"]: row["attempt_id"] for row in attempts} == rung
    assert {row["state"] for row in attempts} == {"done"}
    assert "unknown" not in {row["outcome"] for row in attempts}, "the provider knew"
    assert {row["attempts"] for row in await world.rows("SELECT attempts FROM loop")} == {1}
    assert all(len(row["contacts"]) == 1 for row in await world.rows("SELECT contacts FROM lead"))
    watched.journal.close()


async def test_of_several_forgotten_calls_of_a_loop_all_but_the_last_are_over(watched: Watched) -> None:
    """I4, I6, I11: numbered without a gap, one of them live, all of them counted."""
    world = watched.world
    loop_id = await world.a_due_loop()
    earlier = await watched.backup()
    for n in (1, 2):
        assert await watched.look()
        await watched.dial()
        attempt = (await world.attempts(loop_id))[-1]
        assert attempt["n"] == n
        await world.settle(an_end(attempt["attempt_id"], world.now_ms))
        world.clock.move_to(to_ms((await world.loop(loop_id))["next_at"] or attempt["armed_at"]))
        await world.services.sweeper.step(world.now_ms)
    assert len(world.provider.placed) == 2

    await watched.restore(earlier)
    assert not await watched.look()
    assert (await watched.reconcile()).attempts == 2

    attempts = await world.attempts(loop_id)
    assert [(row["n"], row["state"], row["outcome"]) for row in attempts] == [
        (1, "done", "unknown"),
        (2, "unknown", None),
    ]
    assert [row["attempt_id"] for row in attempts] == [each.attempt_id for each in world.provider.placed]
    loop = await world.loop(loop_id)
    assert (loop["status"], loop["attempts"], len(loop["history"])) == ("dialing", 1, 1)


async def test_a_call_under_way_in_the_backup_is_over_when_its_loop_was_called_again(
    watched: Watched,
) -> None:
    """I4: one live attempt a loop, whatever the ledger remembers of it."""
    world = watched.world
    loop_id = await world.a_due_loop()
    await watched.dial()
    earlier = await watched.backup()
    [first] = await world.attempts(loop_id)
    await world.settle(an_end(first["attempt_id"], world.now_ms))
    world.clock.move_to(to_ms((await world.loop(loop_id))["next_at"]))
    await world.services.sweeper.step(world.now_ms)
    assert await watched.look()
    await watched.dial()

    await watched.restore(earlier)
    assert not await watched.look()
    assert (await watched.reconcile()).attempts == 1

    states = [(row["n"], row["state"], row["outcome"]) for row in await world.attempts(loop_id)]
    assert states == [(1, "done", "unknown"), (2, "unknown", None)]


async def test_a_permit_given_again_and_forgotten_is_the_same_attempt(watched: Watched) -> None:
    """I1, I6: what was not sent the first time keeps its id and its number."""
    world = watched.world
    loop_id = await world.a_due_loop()
    [claim] = await world.claim()
    [armed] = (await world.arm([claim])).armed
    await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))
    earlier = await watched.backup()
    await rebuild(world.flow, 0, world.now_ms, new_id=uuid4, call_ms=HOUR, whole_too=True)
    assert await watched.look()
    await watched.dial()
    assert len(world.provider.placed) == 1

    await watched.restore(earlier)
    assert not await watched.look()
    assert (await watched.reconcile()).attempts == 1
    [attempt] = await world.attempts(loop_id)
    assert (attempt["attempt_id"], attempt["n"], attempt["state"]) == (armed.attempt_id, 1, "unknown")
    assert attempt["permit"] != armed.permit


async def test_a_forgotten_call_whose_lead_is_gone_counts_once_it_is_brought_in_again(
    watched: Watched,
) -> None:
    """I11: the file that came after the backup is imported once more."""
    world = watched.world
    earlier = await watched.backup()
    await world.a_due_loop()
    assert await watched.look()
    await watched.dial()
    called_ms = world.now_ms

    await watched.restore(earlier)
    assert not await watched.look()
    assert (await watched.reconcile()).attempts == 0
    assert await watched.look()
    await world.enrol([PHONE])
    await world.enrol([phones(2)[1]])

    contacts = await world.rows("SELECT contacts FROM lead ORDER BY lead_id")
    assert [[to_ms(at) for at in row["contacts"]] for row in contacts] == [[called_ms], []]


async def test_who_opted_out_in_the_forgotten_time_stays_opted_out(watched: Watched) -> None:
    """I8: a lead that is known, and one that the backup does not have, whenever it comes back."""
    world = watched.world
    known, gone, never = phones(3)
    await world.a_due_loop(known)
    await world.a_due_loop(never)
    earlier = await watched.backup()
    await world.enrol([gone])
    for number in (known, gone):
        await world.opt_out(number)
    assert await watched.look()

    await watched.restore(earlier)
    assert not await watched.look()
    assert (await watched.reconcile()).opt_outs == 2
    assert await watched.look()
    [result] = await world.enrol([gone])
    await watched.dial()

    assert result.action == "suppressed"
    assert [action.to for action in world.provider.placed] == [never]
    assert {row["phone"] for row in await world.rows("SELECT phone FROM suppression")} == {known}
    assert await world.value("SELECT count(*) FROM testimony WHERE NOT used") == 0


async def test_ids_of_the_forgotten_time_are_not_given_out_again(watched: Watched) -> None:
    """I1: a provider knows its calls by them, an integrator its leads."""
    world = watched.world
    earlier = await watched.backup()
    loop_id = await world.a_due_loop()
    assert await watched.look()

    await watched.restore(earlier)
    assert not await watched.look()

    assert await world.a_due_loop() > loop_id + 1_000_000


async def test_without_the_journal_what_was_due_waits_a_day(watched: Watched) -> None:
    """I11: nobody knows whom a lost machine has called; a day later its caps hold all the same."""
    world = watched.world
    due = await world.a_due_loop()
    [later] = await world.enrol([phones(2)[1]])
    assert later.loop_id is not None
    assert later.next_at_ms is not None
    await world.run(
        "UPDATE loop SET next_at = next_at + interval '2 hours' WHERE loop_id = $1", later.loop_id
    )
    earlier = await watched.backup()
    assert await watched.look()
    seen_ms = world.now_ms
    await watched.restore(earlier)
    assert not await watched.look()

    done = await watched.reconcile(hold_until_ms=seen_ms + DAY)

    assert done.held == 1
    assert to_ms((await world.loop(due))["next_at"]) >= seen_ms + DAY
    assert to_ms((await world.loop(later.loop_id))["next_at"]) == later.next_at_ms + 2 * HOUR


async def test_the_end_of_a_quarantine_stands_in_the_books(watched: Watched) -> None:
    """I23: who ended it, and what was put back."""
    world = watched.world
    await world.run("UPDATE installation SET beat = beat - 1")
    assert not await watched.look()
    gap = await watched.gap()
    await watched.reconcile()

    row = await world.row("SELECT * FROM audit WHERE action = 'quarantine_ended'")
    assert (row["account_id"], row["object"]) == (world.account_id, f"quarantine:{gap.quarantine_id}")
    ended = await world.row("SELECT ended_by, ended_at FROM quarantine")
    assert (ended["ended_by"], to_ms(ended["ended_at"])) == ("test", world.now_ms)
