"""Loops that follow cadences, settled and armed on real servers (MISSION C: steps, routing, runs)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from scheduler.domain.model import Why
from scheduler.domain.time import DAY, HOUR, MINUTE
from scheduler.errors import Refused
from scheduler.flow.briefs import Brief
from scheduler.flow.replan import replan_loops
from scheduler.flow.respread import respread
from scheduler.flow.throttle import pace_of
from scheduler.ledger.instants import to_ms
from tests.builders import PHONE, TUESDAY_2PM, World, an_end, phones

H, D = 3_600, 86_400


async def call(world: World, loop_id: int, outcome: str = "not_reached", **said: Any) -> Any:
    """The call that is planned is made when it is due and ends so; answers its row."""
    loop = await world.loop(loop_id)
    world.clock.move_to(max(world.now_ms, to_ms(loop["next_at"])))
    [armed] = (await world.arm([await world.claim_of(loop_id)])).armed
    await world.settle(an_end(armed.attempt_id, world.now_ms, outcome, **said))
    return (await world.attempts(loop_id))[-1]


def why_of(row: Any) -> list[Why]:
    return msgspec.json.decode(row["why"], type=list[Why])


async def enrolled(world: World, cadence_id: int, number: str = PHONE, **fields: Any) -> int:
    [found] = await world.enrol([number], cadence_id=cadence_id, **fields)
    assert found.loop_id is not None
    return found.loop_id


async def test_a_lead_goes_through_three_steps_twice(world: World) -> None:
    """MISSION C10: each step after its delay, runs one after the other, then the end; no row is lost."""
    cadence_id = await world.a_cadence(
        {"name": "one", "delay_after_s": D}, {"name": "two", "delay_after_s": 2 * D}, {"delay_after_s": D},
        name="Threesome", runs=2,
    )  # fmt: skip
    loop_id = await enrolled(world, cadence_id)

    made = []
    while (await world.loop(loop_id))["status"] == "scheduled":
        run = (await world.loop(loop_id))["run"]
        attempt = await call(world, loop_id)
        made.append((run, attempt["step"], (to_ms(attempt["due_at"]) - TUESDAY_2PM) // DAY))

    # Saturday is not the agent's: what falls on it comes early on Monday, in the sixth day
    assert made == [(1, 0, 0), (1, 1, 1), (1, 2, 3), (2, 0, 5), (2, 1, 6), (2, 2, 8)]
    loop = await world.loop(loop_id)
    assert (loop["status"], loop["end_reason"], loop["attempts"]) == ("ended", "cadence_complete", 6)
    assert (loop["cadence_id"], loop["cadence_version"], loop["cadence_chosen"]) == (cadence_id, 1, True)
    assert "all 3 steps are done, 2 times" in why_of(loop)[-1].detail
    assert {row["cadence_id"] for row in await world.attempts(loop_id)} == {cadence_id}
    assert await world.value("SELECT status FROM lead") == "exhausted"


async def test_rules_lead_by_what_came_of_the_call(world: World) -> None:
    """MISSION C15: retry as often as it says, then what stands behind it; goto; a wait; the end."""
    rules = [
        {"on": "busy", "action": "retry", "delay_s": 2 * H, "max": 1},
        {"on": "busy", "action": "goto", "step": 3, "delay_s": D},
    ]
    ends = [{"on": "voicemail", "action": "end"}, {"on": "not_reached", "action": "wait"}]
    cadence_id = await world.a_cadence(
        {"delay_after_s": D, "routing": rules},
        {"delay_after_s": D},
        {"delay_after_s": D, "routing": ends},
        {},
    )
    loop_id = await enrolled(world, cadence_id)

    steps = [(await call(world, loop_id, outcome))["step"] for outcome in ("busy", "busy", "not_reached")]

    assert steps == [0, 0, 2]
    loop = await world.loop(loop_id)
    assert (loop["status"], loop["next_kind"]) == ("waiting_callback", "cadence"), "for a person of ours"
    assert "after not_reached: wait" in [why.detail for why in why_of(loop)]
    assert [touch[0] for touch in msgspec.json.decode(loop["trail"])] == [0, 0, 2]


async def test_a_rule_ends_the_loop(world: World) -> None:
    """MISSION C15."""
    ends = [{"on": "voicemail", "action": "end"}]
    loop_id = await enrolled(world, await world.a_cadence({"routing": ends, "delay_after_s": D}, {}))

    await call(world, loop_id, "voicemail")

    assert (await world.loop(loop_id))["end_reason"] == "cadence_complete"


async def test_a_planned_step_is_planned_alike_again(world: World) -> None:
    """I6: settings change; the same step of the same run at the same instant, armed without being moved."""
    cadence_id = await world.a_cadence({"delay_after_s": D}, {"delay_after_s": D}, runs=3)
    loop_id = await enrolled(world, cadence_id)
    for _ in range(3):
        await call(world, loop_id)
    before = await world.loop(loop_id)
    await world.next_version()

    world.clock.move_to(to_ms(before["next_at"]))
    result = await world.arm([await world.claim_of(loop_id)])

    assert result.reasons == {"outdated": 1}
    assert [item.n for item in result.armed] == [4]
    after = await world.loop(loop_id)
    changing = {"policy_version", "status", "next_at"}
    assert {**dict(after), **dict.fromkeys(changing)} == {**dict(before), **dict.fromkeys(changing)}
    assert (after["run"], after["next_step"]) == (2, 1)


async def test_conditions_see_the_lead_as_it_is_when_the_step_is_planned(world: World) -> None:
    """MISSION C16: variables and tags, and what the last call came to."""
    cadence_id = await world.a_cadence(
        {"delay_after_s": D},
        {"delay_after_s": D, "advanced": {"when": "plan == 'pro' and tags has 'hot'"}},
        {"delay_after_s": D, "advanced": {"when": "score >= 10 and outcome == 'busy'"}},
        {"delay_after_s": D},
    )
    one, two = phones(2)
    hot = await enrolled(world, cadence_id, one, variables={"plan": "pro", "score": 3}, tags=["hot"])
    busy = await enrolled(world, cadence_id, two, variables={"plan": "pro", "score": 12})

    await call(world, hot)
    await call(world, busy, "busy")

    assert (await world.loop(hot))["next_step"] == 1
    assert (await world.loop(busy))["next_step"] == 2


async def test_a_change_of_what_conditions_read_holds_from_the_next_claim(world: World) -> None:
    """I10: an update of the lead makes its plan outdated; the arm plans it anew."""
    cadence_id = await world.a_cadence(
        {"delay_after_s": D}, {"delay_after_s": 2 * H, "advanced": {"when": "not done"}}, {"delay_after_s": D}
    )
    loop_id = await enrolled(world, cadence_id, external_id="x", variables={"done": False})
    await call(world, loop_id)

    await world.enrol(external_id="x", variables={"done": True})
    world.pass_time(DAY)
    result = await world.arm([await world.claim_of(loop_id)])

    assert result.reasons == {"outdated": 1}
    assert (await world.loop(loop_id))["next_step"] == 2


async def test_a_callback_that_was_asked_for_comes_first_then_the_cadence_goes_on(world: World) -> None:
    """MISSION P16: it replaces the normal schedule; what was planned after the call before it follows."""
    cadence_id = await world.a_cadence({"delay_after_s": D}, {"delay_after_s": D}, {})
    loop_id = await enrolled(world, cadence_id)
    asked_ms = TUESDAY_2PM + 3 * HOUR

    await call(world, loop_id, "completed", disposition="callback", callback_at_ms=asked_ms)
    loop = await world.loop(loop_id)
    assert (loop["status"], to_ms(loop["next_at"]), loop["next_kind"]) == (
        "waiting_callback",
        asked_ms,
        "callback",
    )
    attempt = await call(world, loop_id)

    assert (attempt["kind"], attempt["cadence_id"]) == ("callback", cadence_id)
    loop = await world.loop(loop_id)
    assert (loop["next_step"], to_ms(loop["next_at"])) == (1, asked_ms + DAY)


async def test_leads_of_an_agent_with_a_cadence_follow_it(world: World) -> None:
    """API 4, auto_dialer: strategy cadence."""
    cadence_id = await world.a_cadence({"name": "one", "delay_after_s": D}, {"name": "two"})
    await follow(world, cadence_id)

    [found] = await world.enrol([PHONE])

    loop = await world.loop(found.loop_id or 0)
    assert (loop["cadence_id"], loop["cadence_version"], loop["cadence_chosen"]) == (cadence_id, 1, False)
    await call(world, loop["loop_id"])
    assert "step 2 (two): 1 d after attempt 1" in why_of(await world.loop(loop["loop_id"]))[0].detail


async def follow(world: World, cadence_id: int | None) -> None:
    """The agent's settings become this cadence, or the automatic follow-up."""
    dialer = (
        {"strategy": "followup"} if cadence_id is None else {"strategy": "cadence", "cadence_id": cadence_id}
    )
    await world.run(
        "UPDATE agent SET auto_dialer = $2, policy_version = policy_version + 1 WHERE agent_id = $1",
        world.agent_id,
        msgspec.json.encode(dialer).decode(),
    )


async def test_another_strategy_of_the_agent_takes_its_loops_along_and_no_others(world: World) -> None:
    """MISSION D38: from the next claim; a cadence that was chosen for the lead stays."""
    cadence_id = await world.a_cadence({"delay_after_s": D}, {"delay_after_s": D}, {})
    one, two = phones(2)
    [free] = await world.enrol([one])
    assert free.loop_id is not None
    chosen = await enrolled(world, cadence_id, two)
    for loop_id in (free.loop_id, chosen):
        await call(world, loop_id)
    seen = []

    for follows in (cadence_id, None):
        await follow(world, follows)
        world.pass_time(DAY)
        for loop_id in (free.loop_id, chosen):
            await world.arm([await world.claim_of(loop_id)])
            seen.append((await world.loop(loop_id))["cadence_id"])
            await world.run("UPDATE attempt SET state = 'canceled' WHERE state = 'armed'")
            await world.run(
                "UPDATE loop SET status = 'scheduled', next_at = open_until WHERE status = 'dialing'"
            )

    assert seen == [cadence_id, cadence_id, None, cadence_id]


@pytest.mark.parametrize("status", ["draft", "inactive", "archived"])
async def test_a_cadence_that_is_not_active_takes_in_no_leads(world: World, status: str) -> None:
    """MISSION C12, "Deactivate": no new enrolments."""
    cadence_id = await world.a_cadence({})
    await world.run(
        "UPDATE cadence SET status = $2, version = CASE WHEN $2 = 'draft' THEN NULL ELSE version END"
        " WHERE cadence_id = $1",
        cadence_id,
        status,
    )

    with pytest.raises(Refused) as refused:
        await world.enrol([PHONE], cadence_id=cadence_id)

    assert refused.value.code == "cadence-not-active"
    assert await world.value("SELECT count(*) FROM lead") == 0
    assert not await world.value("SELECT used FROM cadence")


async def test_a_batch_of_a_cadence_has_its_leads_follow_it(world: World) -> None:
    """API 4, batch: cadence_id; a lead that names another one follows that."""
    of_batch, other = await world.a_cadence({}), await world.a_cadence({})
    batch_id = await world.a_batch('{"spread_over_s": 0}')
    await world.run("UPDATE batch SET cadence_id = $2 WHERE batch_id = $1", batch_id, of_batch)
    one, two = phones(2)

    [first] = await world.enrol([one], batch_id=batch_id)
    second = await enrolled(world, other, two, batch_id=batch_id)

    assert (await world.loop(first.loop_id or 0))["cadence_id"] == of_batch
    assert (await world.loop(second))["cadence_id"] == other
    assert await world.value("SELECT count(*) FROM cadence WHERE used") == 2


async def test_a_transition_begins_the_other_cadence_with_what_ends_the_first(world: World) -> None:
    """MISSION C10, C11: ended `transitioned`; one loop lives at a time; the other waits as the rule says."""
    nurture = await world.a_cadence({"name": "nurture", "delay_after_s": D}, {}, name="Nurture")
    moves = [{"on": "voicemail", "action": "transition", "cadence_id": str(nurture), "delay_s": 2 * H}]
    first = await world.a_cadence({"routing": moves, "delay_after_s": D}, {})
    loop_id = await enrolled(world, first)

    await call(world, loop_id, "voicemail")

    before, after = await world.rows("SELECT * FROM loop ORDER BY loop_id")
    assert (before["status"], before["end_reason"]) == ("ended", "transitioned")
    assert (after["cadence_id"], after["status"], after["attempts"]) == (nurture, "scheduled", 0)
    assert to_ms(after["next_at"]) == to_ms(after["started_at"]) == TUESDAY_2PM + 2 * HOUR
    lead = await world.row("SELECT * FROM lead")
    assert (lead["status"], after["lead_version"]) == ("active", lead["version"])
    attempt = await call(world, after["loop_id"])
    assert (attempt["n"], attempt["step"], attempt["cadence_id"]) == (1, 0, nurture)


async def test_the_end_of_a_cadence_leads_to_another(world: World) -> None:
    """MISSION C11: after all runs."""
    second = await world.a_cadence({})
    done = {"action": "transition", "cadence_id": str(second), "delay_s": D}
    loop_id = await enrolled(world, await world.a_cadence({"delay_after_s": H}, on_complete=done))

    await call(world, loop_id)

    [after] = await world.rows("SELECT * FROM loop WHERE status <> 'ended'")
    assert (after["cadence_id"], to_ms(after["next_at"])) == (second, TUESDAY_2PM + DAY + HOUR)


async def test_a_transition_to_a_cadence_that_takes_in_nobody_ends_the_loop_and_says_so(world: World) -> None:
    """MISSION C11, "Deactivate"."""
    second = await world.a_cadence({}, status="inactive")
    moves = [{"on": "busy", "action": "transition", "cadence_id": str(second)}]
    loop_id = await enrolled(world, await world.a_cadence({"routing": moves, "delay_after_s": D}, {}))

    await call(world, loop_id, "busy")

    [loop] = await world.rows("SELECT * FROM loop")
    assert (loop["status"], loop["end_reason"]) == ("ended", "cadence_complete")
    assert why_of(loop)[-1].detail == "the cadence it leads to takes in no leads"
    assert await world.value("SELECT status FROM lead") == "exhausted"


async def test_a_cadence_starts_over_after_its_pause(world: World) -> None:
    """MISSION C10: restart."""
    cadence_id = await world.a_cadence({"delay_after_s": H}, on_complete={"action": "restart", "delay_s": D})
    loop_id = await enrolled(world, cadence_id)

    await call(world, loop_id)

    loop = await world.loop(loop_id)
    assert (loop["run"], loop["next_step"], to_ms(loop["next_at"])) == (2, 0, TUESDAY_2PM + DAY + HOUR)
    await call(world, loop_id)
    loop = await world.loop(loop_id)
    assert (loop["run"], [touch[1] for touch in msgspec.json.decode(loop["trail"])]) == (3, [2])


async def test_reminders_follow_the_appointment_of_the_lead(world: World) -> None:
    """MISSION, preset appointment reminders: before the appointment, and over when it has come."""
    steps = [{"anchor": "appointment_at", "offset_s": -hours * H} for hours in (24, 3)]
    cadence_id = await world.a_cadence(*steps)
    at_ms = TUESDAY_2PM + 2 * DAY
    loop_id = await enrolled(world, cadence_id, appointment_at_ms=at_ms)

    dues = [to_ms((await call(world, loop_id))["due_at"]) for _ in steps]

    assert dues == [at_ms - 24 * HOUR, at_ms - 3 * HOUR]
    assert (await world.loop(loop_id))["end_reason"] == "cadence_complete"


async def test_reminders_of_an_appointment_that_was_moved_move_with_it(world: World) -> None:
    """Earlier than they were planned, too: nobody would look at them before."""
    cadence_id = await world.a_cadence({"anchor": "appointment_at", "offset_s": -3 * H})
    loop_id = await enrolled(world, cadence_id, external_id="x", appointment_at_ms=TUESDAY_2PM + 3 * DAY)

    [found] = await world.enrol(external_id="x", appointment_at_ms=TUESDAY_2PM + DAY)

    at_ms = TUESDAY_2PM + DAY - 3 * HOUR
    assert (found.action, found.next_at_ms) == ("updated", at_ms)
    assert to_ms((await world.loop(loop_id))["next_at"]) == at_ms
    world.clock.move_to(at_ms)
    assert (await world.arm([await world.claim_of(loop_id)])).reasons == {}


async def test_the_cadences_own_windows_narrow_the_agents(world: World) -> None:
    """MISSION C: cadence window."""
    windows = {"wed": {"enabled": True, "ranges": [{"start": "10:00", "end": "11:00"}]}}
    loop_id = await enrolled(world, await world.a_cadence({}, windows=windows))

    loop = await world.loop(loop_id)

    assert 0 <= to_ms(loop["next_at"]) - (TUESDAY_2PM + 20 * HOUR) <= 15 * MINUTE
    assert to_ms(loop["open_until"]) == TUESDAY_2PM + 21 * HOUR
    assert "cadence_window" in [why.rule for why in why_of(loop)]


async def test_a_step_gives_its_texts_to_whoever_calls_filled_for_the_lead(world: World) -> None:
    """MISSION C13, C16: script, voicemail message, variables and what is passed through as it stands."""
    step = {
        "name": "Hello", "script": "Ask {{first_name | them}} about {{ plan }}.",
        "voicemail": {"leave": True, "message": "It is about {{plan}}."},
        "advanced": {"variables": {"greeting": "Hi {{ name }}"}, "metadata": {"voice": {"speed": 1.1}}},
    }  # fmt: skip
    cadence_id = await world.a_cadence(step, {"delay_after_s": D})
    loop_id = await enrolled(world, cadence_id, name="Ada Byron", variables={"plan": "pro", "seats": [1]})

    [armed] = (await world.arm([await world.claim_of(loop_id)])).armed

    assert armed.brief == Brief(
        1,
        "Hello",
        "Ask Ada about pro.",
        "It is about pro.",
        {"greeting": "Hi Ada Byron"},
        {"voice": {"speed": 1.1}},
    )


async def test_calls_beside_a_cadence_have_no_texts(world: World) -> None:
    [found] = await world.enrol([PHONE])

    [armed] = (await world.arm([await world.claim_of(found.loop_id or 0)])).armed

    assert armed.brief is None


async def test_a_batchs_first_touches_keep_their_turn_and_wait_no_second_initial_delay(world: World) -> None:
    """MISSION P13: spread over open time after the initial delay; planned anew they stay where they are."""
    cadence_id = await world.a_cadence({}, initial_delay_s=4 * D)
    batch_id = await world.a_batch('{"spread_over_s": 7200}')
    found = await world.enrol(phones(6), batch_id=batch_id, cadence_id=cadence_id)
    loops = [each.loop_id for each in found]
    before = await world.rows("SELECT loop_id, next_at FROM loop ORDER BY loop_id")
    assert len({row["next_at"] for row in before}) == 6
    assert min(to_ms(row["next_at"]) for row in before) >= TUESDAY_2PM + 4 * DAY
    await world.next_version()

    async with world.stores.database.transaction() as on:
        await replan_loops(world.flow, world.stores.database, loops, world.now_ms, on)

    assert await world.rows("SELECT loop_id, next_at FROM loop ORDER BY loop_id") == before


async def test_a_batch_of_another_pace_leaves_no_call_outside_its_cadences_hours(world: World) -> None:
    """Cadence windows hold for what a batch moves: the arm plans it anew before it gives a permit."""
    windows = {"wed": {"enabled": True, "ranges": [{"start": "10:00", "end": "12:00"}]}}
    of_batch, other = await world.a_cadence({}), await world.a_cadence({}, windows=windows)
    batch_id = await world.a_batch('{"spread_over_s": 0}')
    await world.run("UPDATE batch SET cadence_id = $2 WHERE batch_id = $1", batch_id, of_batch)
    loop_id = await enrolled(world, other, batch_id=batch_id)

    await world.run("""UPDATE batch SET throttle = '{"spread_over_s": 3600}' WHERE batch_id = $1""", batch_id)
    await respread(world.flow, await pace_of(world.flow, batch_id), world.agent_id, world.now_ms)
    world.clock.move_to(to_ms((await world.loop(loop_id))["next_at"]))
    result = await world.arm([await world.claim_of(loop_id)])

    assert result.reasons == {"outdated": 1}
    at_ms = to_ms((await world.loop(loop_id))["next_at"])
    assert TUESDAY_2PM + 20 * HOUR <= at_ms < TUESDAY_2PM + 22 * HOUR
