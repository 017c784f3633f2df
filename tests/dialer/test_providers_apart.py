"""Real providers and the simulated one do not meet: neither calls nor answers for the other."""

from __future__ import annotations

from scheduler.flow.lookup import NoCall
from scheduler.ledger.instants import to_ms
from tests.api.reporting import LiveProvider
from tests.builders import SECOND, ScriptedProvider, phones
from tests.worlds import OpenWorld


async def test_a_live_account_reaches_its_provider_alone_and_others_never_do(open_world: OpenWorld):
    """MISSION 16: nothing goes out by default; a test key's account rings no phone."""
    for provider, simulated, sent in (
        (LiveProvider(), False, 1), (LiveProvider(), True, 0), (ScriptedProvider(), True, 1),
        (ScriptedProvider(), False, 0),
    ):  # fmt: skip
        world = await open_world(provider=provider)
        await world.run("UPDATE account SET simulated = $1", simulated)
        loop_id = await world.a_due_loop(phones(4)[2 * simulated + provider.live])

        await world.dial()

        assert len(provider.placed) == sent
        loop = await world.loop(loop_id)
        if sent:
            assert loop["status"] == "dialing"
        else:
            assert (loop["status"], loop["attempts"]) == ("scheduled", 0)
            assert to_ms(loop["next_at"]) == world.now_ms + 300 * SECOND
            [attempt] = await world.attempts(loop_id)
            assert attempt["state"] == "not_sent"


async def test_a_provider_is_never_asked_about_calls_of_another(open_world: OpenWorld):
    """I1: that the simulator never heard of a real call does not prove that there was none."""
    world = await open_world(provider=ScriptedProvider(), account={"simulated": False})
    armed = await world.an_armed_attempt()
    world.provider.found[armed.attempt_id] = NoCall()

    for _ in range(3):
        await world.services.reconciler.step(world.now_ms)
        world.pass_time(60 * SECOND)

    assert world.provider.asked == []
    assert await world.value("SELECT state FROM attempt") == "unknown"
