"""The reaper: leases of dialers that are gone (RELIABILITY 3.4)."""

from __future__ import annotations

import pytest

from tests.builders import TUESDAY_2PM, FreezingClock, ScriptedProvider, World, an_end, phones
from tests.worlds import OpenWorld


@pytest.fixture
async def freezing(open_world: OpenWorld) -> World:
    world: World = await open_world(
        provider=ScriptedProvider(), clock=FreezingClock(TUESDAY_2PM), account={"max_concurrent": 1}
    )
    return world


def let_leases_run_out(world: World) -> None:
    world.clock.freeze(31)  # type: ignore[attr-defined]


async def test_a_claim_that_was_never_armed_is_dialled_by_another(freezing: World) -> None:
    """I16 C2: SIGKILL between claim and arm costs a lease; its call slot comes back with it."""
    loop_id = await freezing.a_due_loop()
    assert len(await freezing.claim()) == 1
    await freezing.services.reaper.step(freezing.now_ms)
    assert await freezing.dial() == 0, "the lease still runs"

    let_leases_run_out(freezing)
    await freezing.services.reaper.step(freezing.now_ms)

    assert await freezing.calls_on_wheel() == 0
    assert await freezing.dial() == 1
    assert (await freezing.attempts(loop_id))[0]["state"] == "accepted"


async def test_a_lease_that_ends_during_the_call_does_not_free_the_calls_slot(freezing: World) -> None:
    """I12, RELIABILITY 5b.7: the dialer died after the send; a slot lives as long as the call."""
    loop_id = await freezing.a_due_loop()
    await freezing.a_due_loop(phones(2)[1])
    await freezing.dialing.worker.dial(0)  # armed and sent; its recorder never runs
    freezing.dialing.recorder._sent.clear()

    let_leases_run_out(freezing)
    await freezing.services.reaper.step(freezing.now_ms)

    assert await freezing.calls_on_wheel() == 1
    assert await freezing.dial() == 0, "the account's one slot is taken"
    await freezing.flow.wheel.settle(
        ends=(await freezing.settle(an_end((await freezing.attempts(loop_id))[0]["attempt_id"], 1))).ends,
        now_ms=freezing.now_ms,
        wall_ms=freezing.clock.wall_ms(),
    )
    assert await freezing.dial() == 1, "the loop that was reaped is dropped: it has a newer plan"
    assert await freezing.dial() == 1
    assert len({action.to for action in freezing.provider.placed}) == 2


async def test_a_loop_that_others_arm_while_its_lease_is_taken_away_keeps_its_slot(
    freezing: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I12: while the ledger is asked nobody else can claim the loop: the freed slot is no call's."""
    await freezing.a_due_loop()
    await freezing.claim()
    let_leases_run_out(freezing)
    fetch = freezing.stores.ledger.fetch

    async def meanwhile(name: str, *arguments: object, **how: object) -> object:
        rows = await fetch(name, *arguments, **how)
        if name == "attempt_live_of":
            assert await freezing.dial() == 0, "another dialer finds nothing to claim yet"
        return rows

    monkeypatch.setattr(freezing.stores.ledger, "fetch", meanwhile)
    await freezing.services.reaper.step(freezing.now_ms)
    monkeypatch.undo()

    assert await freezing.dial() == 1
    assert await freezing.calls_on_wheel() == 1
