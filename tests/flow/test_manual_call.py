"""A call that a person asks for goes out at once, and the loop goes on by its outcome (MISSION D33-D35)."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.domain.model import Priority
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from scheduler.errors import Refused, WrongCallerId
from scheduler.flow.manual_call import call_now
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.services.calendars import Calendars
from tests.builders import ACTOR, PHONE, TUESDAY_2PM, World, an_end
from tests.flow.test_caller_ids import OURS, a_pool, used

EVENING = TUESDAY_2PM + 5 * HOUR + 30 * MINUTE  # 19:30 in New York: our windows are closed, the law is open
NIGHT = TUESDAY_2PM + 8 * HOUR  # 22:00


async def ask(world: World, **how: Any) -> int:
    lead_id = await world.value("SELECT lead_id FROM lead")
    said = {"agent_id": None, "acknowledged": False, "reason": "", "enrol": False, **how}
    return await call_now(
        world.flow, world.clock, account_id=world.account_id, lead_id=lead_id, actor=ACTOR, **said
    )


async def kept(world: World) -> None:
    """A lead that nobody follows up."""
    await world.enrol([PHONE])
    await world.run("DELETE FROM loop")
    await world.run("UPDATE lead SET status = 'reached'")


async def test_it_goes_out_past_our_own_hours_and_the_loop_rests_for_an_hour_after_it(world: World) -> None:
    """D34; our own windows are passed, the schedule goes on by the outcome."""
    [enrolled] = await world.enrol([PHONE])
    world.clock.move_to(EVENING)
    await Calendars(world.flow).step(world.now_ms)

    assert await ask(world) == enrolled.loop_id
    await Calendars(world.flow).step(world.now_ms)
    result = await world.arm(await world.claim())

    [armed] = result.armed
    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["kind"], attempt["state"], to_ms(attempt["due_at"])) == ("manual", "armed", EVENING)
    world.pass_time(25 * SECOND)
    await world.settle(an_end(armed.attempt_id, EVENING))
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["attempts"]) == ("scheduled", 1)
    assert to_ms(loop["next_at"]) >= EVENING + HOUR


async def test_the_attempt_that_was_planned_is_not_made_as_well(world: World) -> None:
    """I1, I4: one live call per lead; races with the schedule are settled by the same claim."""
    loop_id = await world.a_due_loop()
    planned = await world.claim()
    world.pass_time(SECOND)

    assert await ask(world) == loop_id
    first = await world.arm(planned)
    second = await world.arm(await world.claim(worker="other"))

    assert (first.armed, [item.n for item in second.armed]) == ([], [1])
    assert [row["kind"] for row in await world.attempts(loop_id)] == ["manual"]
    with pytest.raises(Refused) as refused:
        await ask(world)
    assert refused.value.code == "lead-busy"


async def test_a_lead_that_nobody_follows_up_is_called_once_and_is_what_it_was(world: World) -> None:
    """D35: not in the dialer: the call fires at once, no loop goes on."""
    await kept(world)

    loop_id = await ask(world)
    [armed] = (await world.arm(await world.claim())).armed
    world.pass_time(25 * SECOND)
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))

    loop = await world.loop(loop_id)
    assert (loop["once"], loop["status"], loop["end_reason"]) == (True, "ended", "removed")
    assert await world.value("SELECT status FROM lead") == "reached"
    assert await world.value("SELECT attempts_count FROM lead") == 1


async def test_with_enrol_the_call_is_attempt_one_of_a_loop_that_goes_on(world: World) -> None:
    await kept(world)

    loop_id = await ask(world, enrol=True)
    [armed] = (await world.arm(await world.claim())).armed
    world.pass_time(25 * SECOND)
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))

    loop = await world.loop(loop_id)
    assert (loop["status"], loop["attempts"]) == ("scheduled", 1)
    assert to_ms(loop["next_at"]) >= TUESDAY_2PM + HOUR


async def test_a_callback_that_was_promised_in_such_a_call_is_kept(world: World) -> None:
    """D29: who asks for a callback gets it, followed up or not."""
    await kept(world)
    loop_id = await ask(world)
    [armed] = (await world.arm(await world.claim())).armed

    later = TUESDAY_2PM + HOUR
    report = an_end(armed.attempt_id, TUESDAY_2PM, "answered", disposition="callback", callback_at_ms=later)
    await world.settle(report)

    loop = await world.loop(loop_id)
    assert (loop["status"], to_ms(loop["next_at"])) == ("waiting_callback", TUESDAY_2PM + HOUR)


async def test_beyond_the_laws_hours_it_is_made_at_once_or_not_at_all(world: World) -> None:
    """I9: acknowledged with a reason it may go out, within minutes."""
    loop_id = (await world.enrol([PHONE]))[0].loop_id
    world.clock.move_to(NIGHT)
    with pytest.raises(Refused) as refused:
        await ask(world)
    assert refused.value.code == "outside-statutory-hours"

    await ask(world, acknowledged=True, reason="he wrote just now")
    audit = await world.row("SELECT after FROM audit WHERE action = 'call_asked_for'")
    assert '"beyond_law":true' in audit["after"]
    claims = await world.claim()
    world.pass_time(5 * MINUTE)
    late = await world.arm(claims)

    assert (late.armed, late.reasons) == ([], {"closed": 1})
    loop = await world.loop(loop_id)
    assert loop["next_kind"] != "manual"
    assert to_ms(loop["next_at"]) > NIGHT + HOUR


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO suppression SELECT account_id, phone, 'x', '', now() FROM lead", "dnc-blocked"),
        ("UPDATE account SET paused = true", "dialing-paused"),
        ("UPDATE agent SET paused = true", "dialing-paused"),
        ("UPDATE lead SET contacts = ARRAY[$1, $1, $1]::timestamptz[]", "frequency-cap"),
        ("UPDATE loop SET status = 'paused', next_at = NULL", "state-conflict"),
    ],
)
async def test_what_it_never_passes(world: World, sql: str, code: str) -> None:
    """I8: an opt-out, a pause, a cap: nobody acknowledges those away."""
    await world.enrol([PHONE], priority=Priority.BULK)
    await world.run(sql, *([to_datetime(TUESDAY_2PM - HOUR)] if "$1" in sql else []))

    with pytest.raises(Refused) as refused:
        await ask(world, acknowledged=True, reason="all the same")

    assert refused.value.code == code


async def test_nobody_passes_a_closure(world: World) -> None:
    """Closures count like law, and no switch lifts them."""
    await world.enrol([PHONE])
    await world.run(
        "INSERT INTO closure (account_id, regions, starts_at, ends_at, reason, created_at, updated_at)"
        " VALUES ($1, '{US-NY}', $2, $3, 'hurricane', now(), now())",
        world.account_id, to_datetime(TUESDAY_2PM - HOUR), to_datetime(TUESDAY_2PM + DAY),
    )  # fmt: skip

    with pytest.raises(Refused) as refused:
        await ask(world, acknowledged=True, reason="all the same")

    assert refused.value.code == "outside-statutory-hours"
    assert "hurricane" in refused.value.what


async def test_it_shows_the_number_that_was_asked_for_and_counts_for_it(world: World) -> None:
    """API 5: `caller_id`; the pool would have rotated to the other one."""
    _, second = await a_pool(world, 5, 5)
    await world.run("INSERT INTO caller_id_use VALUES ($1, '2026-06-16', 3)", second)
    await world.a_due_loop()

    await ask(world, caller_id=second)
    [armed] = (await world.arm(await world.claim())).armed

    assert armed.caller_id == OURS[1]
    assert await used(world) == {second: 4}


async def test_the_calls_after_it_show_what_the_pool_gives_them(world: World) -> None:
    first, second = await a_pool(world, 5, 5)
    await world.a_due_loop()
    await ask(world, caller_id=OURS[1])
    [armed] = (await world.arm(await world.claim())).armed
    world.pass_time(25 * SECOND)
    await world.settle(an_end(armed.attempt_id, world.now_ms))
    loop = await world.loop(armed.loop_id)
    world.clock.move_to(to_ms(loop["next_at"]))

    [after] = (await world.arm([await world.claim_of(armed.loop_id)])).armed

    assert (armed.caller_id, after.caller_id) == (OURS[1], OURS[0])
    assert await used(world) == {first: 1, second: 1}


async def test_a_number_that_reached_its_cap_since_it_was_asked_for_is_not_shown(world: World) -> None:
    """The cap is hard: the call waits, and goes out under no other number meanwhile."""
    _, second = await a_pool(world, 5, 5)
    await world.a_due_loop()
    await ask(world, caller_id=second)
    await world.run("INSERT INTO caller_id_use VALUES ($1, '2026-06-16', 5)", second)

    result = await world.arm(await world.claim())

    assert result.armed == []
    assert await used(world) == {second: 5}
    assert to_ms((await world.rows("SELECT next_at FROM loop"))[0]["next_at"]) > world.now_ms


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE caller_id SET status = 'paused'", "state-conflict"),
        ("UPDATE caller_id SET rest_until = '2026-06-20Z'", "state-conflict"),
        ("INSERT INTO caller_id_use VALUES (1, '2026-06-16', 5)", "frequency-cap"),
        ("DELETE FROM caller_id_member", None),
        ("UPDATE agent SET caller_id_pool_id = NULL", None),
    ],
)
async def test_a_number_that_may_not_be_shown_is_refused_when_asked_for(
    world: World, change: str, code: str | None
) -> None:
    """API 5: caller ids have a hard cap."""
    [number] = await a_pool(world, 5)
    await world.a_due_loop()
    await world.run(change)

    with pytest.raises(WrongCallerId if code is None else Refused) as refused:
        await ask(world, caller_id=number)

    assert getattr(refused.value, "code", None) == code
    assert await world.rows("SELECT 1 FROM loop WHERE next_kind = 'manual'") == []
