"""F19: deadlocks and locks that are not to be had; the arm and the settling begin again."""

from __future__ import annotations

import asyncio

import pytest

from dialer.providers.base import Accepted
from scheduler.errors import ServerUnavailable
from scheduler.flow import courses
from scheduler.ledger.contention import once_free
from scheduler.ledger.database import Connection
from tests.builders import ScriptedProvider, World, an_end, phones
from tests.worlds import OpenWorld

DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"


async def test_the_victim_of_a_real_deadlock_begins_again(world: World) -> None:
    """I14: two transactions that lock two leads crosswise both get through."""
    await world.enrol(phones(2))
    one, other = [row["lead_id"] for row in await world.rows("SELECT lead_id FROM lead ORDER BY 1")]
    both, begun = asyncio.Barrier(2), []

    async def locks(first: int, second: int) -> None:
        async def work(on: Connection) -> None:
            begun.append(first)
            await on.execute("SELECT 1 FROM lead WHERE lead_id = $1 FOR NO KEY UPDATE", first)
            if len(begun) <= 2:
                await both.wait()
            await on.execute("SELECT 1 FROM lead WHERE lead_id = $1 FOR NO KEY UPDATE", second)

        await once_free(world.stores.ledger, work, seed=first)

    await asyncio.gather(locks(one, other), locks(other, one))

    assert len(begun) > 2, "nobody was in anybody's way"


async def test_who_loses_each_time_hears_that_the_ledger_is_busy(world: World) -> None:
    tries = []

    async def work(on: Connection) -> None:
        tries.append(1)
        await on.execute(DEADLOCK)

    with pytest.raises(ServerUnavailable, match="busy"):
        await once_free(world.stores.ledger, work, seed=3, tries=3)

    assert len(tries) == 3


@pytest.mark.parametrize("statement", ["arm_attempts", "settle_attempts"])
async def test_an_arm_and_a_settling_that_lost_are_done_again_and_once(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    """I1 I6: the second time is a transaction of its own."""
    world: World = await open_world(provider=ScriptedProvider(lambda action: Accepted("r")))
    loop_id = await world.a_due_loop()
    fetch, lost = world.stores.ledger.fetch, []

    async def loses_once(name: str, *arguments: object, on: Connection | None = None) -> object:
        rows = await fetch(name, *arguments, on=on)
        if name == statement and not lost:
            lost.append(name)
            assert on is not None
            await on.execute(DEADLOCK)
        return rows

    monkeypatch.setattr(world.stores.ledger, "fetch", loses_once)
    assert await world.dial() == 1
    [attempt] = await world.attempts(loop_id)
    await world.settle(an_end(attempt["attempt_id"], world.now_ms))

    assert lost == [statement]
    assert len(world.provider.placed) == 1
    assert await world.value("SELECT count(*) FROM arm") == 1
    assert (await world.loop(loop_id))["attempts"] == 1


async def test_a_hand_over_that_lost_is_done_again_and_begins_one_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I6: what ends a loop and what begins the next one are one transaction, or nothing of it."""
    other = await world.a_cadence({})
    moves = [{"on": "busy", "action": "transition", "cadence_id": str(other)}]
    [found] = await world.enrol(cadence_id=await world.a_cadence({"routing": moves}, {}))
    [armed] = (await world.arm([await world.claim_of(found.loop_id or 0)])).armed
    fetch, lost = world.stores.ledger.fetch, []

    async def loses_once(name: str, *arguments: object, on: Connection | None = None) -> object:
        rows = await fetch(name, *arguments, on=on)
        if name == "transition_start" and not lost:
            lost.append(name)
            assert on is not None
            await on.execute(DEADLOCK)
        return rows

    monkeypatch.setattr(world.stores.ledger, "fetch", loses_once)
    for _ in range(2):  # the provider repeats itself
        await world.settle(an_end(armed.attempt_id, world.now_ms, "busy"))

    assert lost == ["transition_start"]
    loops = await world.rows("SELECT status, cadence_id FROM loop ORDER BY loop_id")
    assert [(row["status"], row["cadence_id"] == other) for row in loops] == [
        ("ended", False),
        ("scheduled", True),
    ]


async def test_a_lead_that_the_planner_cannot_digest_keeps_no_other_from_its_call(
    open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I14: it is refused, with a line in the log, and waits in the ledger; the dialer goes on."""
    world: World = await open_world(provider=ScriptedProvider())
    bad = await world.a_due_loop()
    good = await world.a_due_loop(phones(2)[1])
    await world.next_version()
    plans = courses.plan
    bad_key = world.flow.lead_key(None, phones(1)[0])

    def planned(loop: object, policy: object, lead: object, *rest: object) -> object:
        if lead.key == bad_key:  # type: ignore[attr-defined]
            raise AssertionError("nobody foresaw this")
        return plans(loop, policy, lead, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(courses, "plan", planned)

    assert await world.dial() == 2

    assert [len(await world.attempts(loop_id)) for loop_id in (bad, good)] == [0, 1]
    assert (await world.loop(bad))["status"] == "scheduled"
    assert (await world.flow.wheel.counts(0, world.now_ms)).leased == 0
    assert await world.dial() == 0, "it does not come straight back"
