"""What the steps of a lead's way tell, as a reader of events sees it (API 7)."""

from __future__ import annotations

from scheduler.domain.time import SECOND
from scheduler.flow.settle import Report
from scheduler.insight.events import Event, read_on
from tests.builders import PHONE, TUESDAY_2PM, World, an_end, phones


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
        ("lead.opted_out", lead["lead_id"]),
    ]
