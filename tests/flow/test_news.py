"""What the steps of a lead's way tell, as a reader of events sees it (API 7)."""

from __future__ import annotations

from scheduler.domain.time import HOUR, SECOND
from scheduler.flow.batches import cancel_batch
from scheduler.flow.lead_actions import Action, act
from scheduler.flow.pause import Scope, pause, resume
from scheduler.flow.settle import Report
from scheduler.insight.events import Event, read_on
from tests.builders import ACTOR, PERMIT_S, PHONE, TUESDAY_2PM, World, an_end, phones


async def told(world: World) -> list[Event]:
    """All events of the account, but for the progress of batches."""
    await world.services.herald.step(world.now_ms)
    stretch = await read_on(world.stores.database, world.account_id, None, 10_000)
    return [event for event in stretch.events if event.type != "batch.progress"]


async def since(world: World, before: list[Event]) -> list[tuple[str, int]]:
    return [(event.type, event.id) for event in (await told(world))[len(before) :]]


async def test_a_call_is_told_of_when_it_is_sent_and_when_it_has_ended(world: World) -> None:
    """API 7: attempt.dispatched, attempt.ended, and what came of its loop, in this order."""
    armed = await world.an_armed_attempt()
    before = await told(world)

    await world.settle(Report(armed.attempt_id, state="accepted", dispatched_at_ms=world.now_ms))
    world.pass_time(20 * SECOND)
    await world.settle(Report(armed.attempt_id, state="ringing"))
    await world.settle(an_end(armed.attempt_id, world.now_ms))
    await world.settle(an_end(armed.attempt_id, world.now_ms))

    assert await since(world, before) == [
        ("attempt.dispatched", armed.attempt_id),
        ("attempt.ended", armed.attempt_id),
        ("loop.rescheduled", armed.loop_id),
    ]
    lead = await world.row("SELECT lead_id FROM lead")
    assert {event.lead_id for event in await told(world)} == {lead["lead_id"]}


async def test_what_is_sent_and_over_in_one_group_of_news_is_told_in_order(world: World) -> None:
    """API 7: several leads together: each one's events in their order, the group in few rows."""
    armed = [await world.an_armed_attempt(number) for number in phones(3)]
    before = await told(world)

    await world.settle(*(an_end(one.attempt_id, world.now_ms) for one in armed))

    events = await since(world, before)
    for one in armed:
        assert [event for event in events if event[1] == one.attempt_id and event[0].startswith("att")] == [
            ("attempt.dispatched", one.attempt_id),
            ("attempt.ended", one.attempt_id),
        ]
    assert await world.value("SELECT count(*) FROM news WHERE type = 'attempt.ended'") == 1


async def test_a_lead_that_is_reached_is_told_with_both_statuses(world: World) -> None:
    """API 7: `previous` holds what changed."""
    armed = await world.an_armed_attempt()
    before = await told(world)

    await world.settle(an_end(armed.attempt_id, world.now_ms, "completed", disposition="converted"))

    events = (await told(world))[len(before) :]
    assert [event.type for event in events] == [
        "attempt.dispatched", "attempt.ended", "loop.ended", "lead.status_changed",
    ]  # fmt: skip
    assert events[-1].extra == {"previous": {"status": "active"}, "now": {"status": "converted"}}


async def test_who_says_stop_in_a_call_is_told_of_as_opted_out_once(world: World) -> None:
    """API 7: dnc.added, lead.opted_out; said twice it is one entry."""
    armed = await world.an_armed_attempt()
    before = await told(world)

    for _ in range(2):
        await world.settle(an_end(armed.attempt_id, world.now_ms, "completed", disposition="dnc"))

    assert [kind for kind, _ in await since(world, before)] == [
        "dnc.added", "attempt.dispatched", "attempt.ended", "loop.ended", "lead.status_changed",
        "lead.opted_out",
    ]  # fmt: skip
    entry = await world.row("SELECT * FROM suppression")
    assert entry["phone"] == PHONE


async def test_what_was_never_sent_is_not_told(world: World) -> None:
    """API 7: an attempt that was taken back has not happened."""
    armed = await world.an_armed_attempt()
    before = await told(world)

    await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))

    assert await since(world, before) == []


async def test_a_result_that_comes_after_all_is_told_again(world: World) -> None:
    """API 7: an attempt written off as unknown, whose end is known now."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "unknown"))
    before = await told(world)

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "busy"))

    [event] = (await told(world))[len(before) :]
    assert (event.type, event.id) == ("attempt.ended", armed.attempt_id)
    assert event.extra == {"previous": {"outcome": "unknown"}}


async def test_a_stop_that_arrives_late_is_told(world: World) -> None:
    """API 7: the loop that went on meanwhile has ended."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))
    before = await told(world)

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, disposition="dnc"))

    lead = await world.row("SELECT lead_id FROM lead")
    entry = await world.row("SELECT suppression_id FROM suppression")
    assert await since(world, before) == [
        ("dnc.added", entry["suppression_id"]),
        ("loop.ended", armed.loop_id),
        ("lead.status_changed", lead["lead_id"]),
        ("lead.opted_out", lead["lead_id"]),
    ]


async def test_leads_that_come_in_are_told_once_for_the_whole_chunk(world: World) -> None:
    """API 7: lead.created and loop.started; one row a chunk, so that a file costs next to nothing."""
    batch_id = await world.a_batch()

    made = await world.enrol(phones(4), batch_id=batch_id)

    leads = [one.lead_id for one in made]
    events = await told(world)
    assert sorted((e.type, e.id) for e in events if e.type == "lead.created") == sorted(
        ("lead.created", lead) for lead in leads
    )
    started = [e for e in events if e.type == "loop.started"]
    assert {(e.lead_id, e.id) for e in started} == {(one.lead_id, one.loop_id) for one in made}
    assert {e.batch_id for e in events} == {batch_id}
    assert await world.value("SELECT count(*) FROM news WHERE type LIKE 'l%'") == 2


async def test_a_known_lead_is_told_when_something_else_is_said_of_it(world: World) -> None:
    """API 7: lead.updated; the same again is no event."""
    [made] = await world.enrol()
    before = await told(world)

    await world.enrol()
    assert await since(world, before) == []
    await world.enrol(name="Ada Lovelace")

    assert await since(world, before) == [("lead.updated", made.lead_id)]


async def test_a_lead_that_is_kept_first_and_followed_up_later_is_told_of_its_loop(world: World) -> None:
    """API 7: loop.started of known leads."""
    await world.run("UPDATE agent SET auto_dialer = '{\"enabled\": false}', policy_version = 2")
    [made] = await world.enrol()
    await world.run('UPDATE agent SET auto_dialer = \'{"strategy": "followup"}\', policy_version = 3')
    before = await told(world)

    [again] = await world.enrol()

    assert made.loop_id is None
    assert set(await since(world, before)) == {
        ("loop.started", again.loop_id),
        ("lead.updated", made.lead_id),
    }


async def test_an_opt_out_is_told_once_with_all_that_it_ends(world: World) -> None:
    """API 7: dnc.added, loop.ended, lead.opted_out; asked again nothing has happened."""
    [made] = await world.enrol()
    before = await told(world)

    for _ in range(2):
        await world.opt_out()

    entry = await world.value("SELECT suppression_id FROM suppression")
    assert await since(world, before) == [
        ("dnc.added", entry),
        ("loop.ended", made.loop_id),
        ("lead.status_changed", made.lead_id),
        ("lead.opted_out", made.lead_id),
    ]


async def test_a_pause_and_its_end_are_told_with_what_they_move(world: World) -> None:
    """API 7: dialing.paused, dialing.resumed, and the calls that start again later."""
    [made] = await world.enrol()
    scope = Scope("account", world.account_id, world.account_id)
    before = await told(world)

    await pause(world.flow, world.clock, scope, reason="lunch", actor=ACTOR, permit_s=PERMIT_S)
    world.pass_time(HOUR)
    await resume(world.flow, world.clock, scope, spread_over_s=600, actor=ACTOR)

    events = (await told(world))[len(before) :]
    assert [event.type for event in events] == ["dialing.paused", "loop.rescheduled", "dialing.resumed"]
    assert events[0].extra == {"scope": "account", "reason": "lunch"}
    assert events[1].id == made.loop_id


async def test_a_batch_that_is_canceled_is_told_with_the_loops_it_ends(world: World) -> None:
    """API 7: batch.done, loop.ended, and what became of its leads."""
    batch_id = await world.a_batch()
    made = await world.enrol(phones(2), batch_id=batch_id)
    before = await told(world)

    await cancel_batch(
        world.flow,
        world.clock,
        account_id=world.account_id,
        batch_id=batch_id,
        actor=ACTOR,
        permit_s=PERMIT_S,
    )

    events = (await told(world))[len(before) :]
    assert [(e.type, e.id) for e in events] == [
        ("batch.done", batch_id),
        *(("loop.ended", one.loop_id) for one in sorted(made, key=lambda one: one.loop_id or 0)),
        *(("lead.status_changed", one.lead_id) for one in sorted(made, key=lambda one: one.loop_id or 0)),
    ]
    assert events[-1].extra == {"now": {"status": "closed"}}


async def test_a_batch_is_done_when_all_of_it_is_over_and_runs_again_with_another_lead(world: World) -> None:
    """API 7: batch.done, once; a lead that comes later opens the batch again."""
    batch_id = await world.a_batch()
    status = "SELECT status FROM batch"
    world.services.herald._finish_at_s = 0.0
    [made] = await world.enrol(phones(1), batch_id=batch_id)
    await told(world)
    assert await world.value(status) == "running"

    await world.opt_out(phones(1)[0])
    for _ in range(2):
        world.services.herald._finish_at_s = 0.0
        events = await told(world)
    assert await world.value(status) == "done"
    await world.enrol(phones(2)[1:], batch_id=batch_id)
    world.services.herald._finish_at_s = 0.0
    await told(world)

    assert await world.value(status) == "running"
    assert [(e.id, e.batch_id) for e in events if e.type == "batch.done"] == [(batch_id, batch_id)]
    assert events[-1].type == "batch.done"
    assert made.lead_id in {e.lead_id for e in events}


async def test_actions_on_leads_are_told(world: World) -> None:
    """API 7: loop.paused, loop.resumed, lead.updated, loop.ended; what was no change is no event."""
    [made] = await world.enrol()
    assert made.lead_id is not None
    before = await told(world)

    for name in ("pause", "pause", "resume", "tag", "remove", "remove"):
        action = Action(name, add=("vip",))  # type: ignore[arg-type]
        async with world.stores.database.transaction() as on:
            await act(world.flow, world.account_id, action, [made.lead_id], world.now_ms, on)

    events = [event for event in await since(world, before) if event[0] != "loop.rescheduled"]
    assert events == [
        ("loop.paused", made.loop_id),
        ("loop.resumed", made.loop_id),
        ("lead.updated", made.lead_id),
        ("loop.ended", made.loop_id),
        ("lead.status_changed", made.lead_id),
    ]


async def test_a_number_that_was_on_a_list_is_told_once(world: World) -> None:
    """API 7: dnc.added is of new entries; a person's own word for one that is there adds none."""
    armed = await world.an_armed_attempt()
    await world.run(
        "INSERT INTO suppression (account_id, phone, reason, created_at, listed)"
        " VALUES ($1, $2, 'a list', now(), true)",
        world.account_id,
        PHONE,
    )
    before = await told(world)

    await world.settle(an_end(armed.attempt_id, world.now_ms, "completed", disposition="dnc"))

    assert "dnc.added" not in {kind for kind, _ in await since(world, before)}


async def test_a_loop_that_is_planned_anew_is_told_where_it_moves(world: World) -> None:
    """API 7: loop.rescheduled by a change of settings, once, and only where the instant is another."""
    loop_id = await world.a_due_loop()
    claims = await world.claim()
    evening = '{"tue": {"enabled": true, "ranges": [{"start": "18:00", "end": "20:00"}]}}'
    await world.next_version(f"windows = '{evening}'")
    before = await told(world)

    await world.arm(claims)

    assert await since(world, before) == [("loop.rescheduled", loop_id)]


async def test_a_phone_that_is_found_suppressed_at_the_arm_ends_its_loop_and_is_told(world: World) -> None:
    """API 7: the lead was enrolled before its number came onto the list by another way."""
    loop_id = await world.a_due_loop()
    claims = await world.claim()
    await world.run(
        "INSERT INTO suppression (account_id, phone, reason, created_at) VALUES ($1, $2, 'asked', now())",
        world.account_id,
        PHONE,
    )
    before = await told(world)

    await world.arm(claims)

    assert [kind for kind, _ in await since(world, before)] == [
        "loop.ended", "lead.status_changed", "lead.opted_out",
    ]  # fmt: skip
    assert (await told(world))[len(before)].id == loop_id
