"""Settle: what came of attempts and what comes next, in one transaction (DESIGN 5, steps 5 and 6)."""

from __future__ import annotations

import asyncio
import itertools
from uuid import uuid4

import msgspec
import pytest

from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from scheduler.flow.settle import Report, StoredEvent, settle
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.reports import said_in_call
from tests.builders import PHONE, TUESDAY_2PM, World, an_end
from tests.worlds import OpenWorld


async def test_an_outcome_and_the_next_plan_are_written_together(world: World) -> None:
    """I6: attempt closed, loop counted and planned, contact appended, the next one placed."""
    armed = await world.an_armed_attempt()
    world.pass_time(25 * SECOND)

    settled = await world.settle(
        Report(
            armed.attempt_id, dispatched_at_ms=TUESDAY_2PM, outcome="not_reached", ended_at_ms=world.now_ms,
            rang_until_ms=world.now_ms - SECOND, provider_call_id="r1",
        )
    )  # fmt: skip

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["outcome"], attempt["provider_call_id"]) == (
        "done",
        "not_reached",
        "r1",
    )
    assert to_ms(attempt["dispatched_at"]) == TUESDAY_2PM
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["attempts"], loop["next_kind"]) == ("scheduled", 1, "immediate_callback")
    assert [to_ms(at) for at in loop["history"]] == [TUESDAY_2PM]
    lead = await world.row("SELECT * FROM lead")
    assert [to_ms(at) for at in lead["contacts"]] == [world.now_ms - SECOND]
    assert (lead["status"], lead["attempts_count"]) == ("active", 1)
    assert loop["lead_version"] == lead["version"]
    [placing] = settled.placings
    assert placing.due_at_ms == to_ms(loop["next_at"])
    assert [end.loop_id for end in settled.ends] == [armed.loop_id]


async def test_the_next_attempt_is_armed_without_being_planned_again(world: World) -> None:
    """I6: what settle writes is current; a plan a settle made is not outdated by that settle."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))
    world.pass_time(2 * MINUTE)

    result = await world.arm([await world.claim_of(armed.loop_id)])

    assert result.reasons == {}
    assert [item.n for item in result.armed] == [2]


async def test_five_reports_of_one_end_count_once(world: World) -> None:
    """I6 I23: the provider repeats itself; events are kept once, the loop moves on once."""
    armed = await world.an_armed_attempt()
    event = StoredEvent("e1", armed.attempt_id, "ended", TUESDAY_2PM)

    for _ in range(5):
        await settle(
            world.flow, world.stores.ledger, [an_end(armed.attempt_id, TUESDAY_2PM)], [event],
            provider="test", now_ms=world.now_ms,
        )  # fmt: skip

    assert (await world.loop(armed.loop_id))["attempts"] == 1
    assert await world.value("SELECT count(*) FROM provider_event") == 1
    assert (await world.books()).outcomes == {"not_reached": 1}
    assert await world.value("SELECT cardinality(contacts) FROM lead") == 1


ORDERS = list(itertools.permutations(["accepted", "ringing", "in_call"]))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_a_state_never_goes_back(world: World, order: tuple[str, ...]) -> None:
    """I5: reports in every order; the furthest one stands after each."""
    armed = await world.an_armed_attempt()
    ranks = ["armed", "accepted", "ringing", "in_call"]
    seen = 0

    for state in order:
        await world.settle(Report(armed.attempt_id, state=state, dispatched_at_ms=TUESDAY_2PM))
        seen = max(seen, ranks.index(state))
        assert (await world.attempts(armed.loop_id))[0]["state"] == ranks[seen]


async def test_what_is_over_stays_over(world: World) -> None:
    """I5: stages that arrive after the end, and another end, change nothing."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))
    before = [dict(row) for row in await world.attempts(armed.loop_id)]

    for late in (
        Report(armed.attempt_id, state="ringing"),
        Report(armed.attempt_id, permit=armed.permit, not_sent=True),
        an_end(armed.attempt_id, TUESDAY_2PM, "completed", disposition="converted"),
    ):
        settled = await world.settle(late)
        assert (settled.ends, settled.placings, settled.outcomes) == ([], [], [])

    assert [dict(row) for row in await world.attempts(armed.loop_id)] == before


async def test_an_end_before_the_answer_to_the_send_counts(world: World) -> None:
    """RELIABILITY 3.5: a callback may overtake our own request's answer; the answer then changes nothing."""
    armed = await world.an_armed_attempt()
    await world.settle(
        Report(armed.attempt_id, outcome="busy", ended_at_ms=TUESDAY_2PM, provider_call_id="r1")
    )

    await world.settle(Report(armed.attempt_id, permit=armed.permit, state="accepted", provider_call_id="r1"))

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["outcome"], attempt["provider_call_id"]) == ("done", "busy", "r1")


async def test_a_late_report_puts_a_written_off_attempt_right_and_plans_nothing_more(world: World) -> None:
    """I5 I6: unknown may become definite, once; the loop, which went on, has one next attempt."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "unknown"))
    planned = dict(await world.loop(armed.loop_id))
    world.pass_time(MINUTE)
    put_right_ms = world.now_ms

    for outcome in ("completed", "busy"):
        settled = await world.settle(an_end(armed.attempt_id, world.now_ms, outcome, disposition="converted"))
        assert (settled.placings, settled.outcomes) == ([], [])
        world.pass_time(MINUTE)

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["outcome"], attempt["disposition"]) == ("completed", "converted")
    assert to_ms(attempt["amended_at"]) == put_right_ms
    assert dict(await world.loop(armed.loop_id)) == planned


@pytest.mark.parametrize("disposition", ["dnc", "complaint"])
async def test_who_says_stop_is_suppressed_and_the_loop_ends(world: World, disposition: str) -> None:
    """I8: a stop in the conversation holds for the account, whatever enrols the person later."""
    armed = await world.an_armed_attempt()

    settled = await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "completed", disposition=disposition))

    assert settled.placings == []
    assert (await world.loop(armed.loop_id))["end_reason"] == "dnc"
    assert await world.value("SELECT phone FROM suppression") == PHONE
    assert await world.value("SELECT status FROM lead") == "opted_out"
    [line] = await world.rows("SELECT actor, object FROM audit WHERE action = 'phone_suppressed'")
    entry = await world.value("SELECT suppression_id FROM suppression")
    assert (line["actor"], line["object"]) == ("provider:test", f"dnc_entry:{entry}")
    [again] = await world.enrol([PHONE])
    assert again.action == "suppressed"


@pytest.mark.parametrize("written", ["unknown", "not_reached"])
async def test_a_stop_that_arrives_late_still_stops(world: World, written: str) -> None:
    """I8, RELIABILITY 3.5: the attempt was closed already; what the person said still ends the loop."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, written))
    assert (await world.loop(armed.loop_id))["status"] == "scheduled"

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "completed", disposition="dnc"))

    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"], loop["next_at"]) == ("ended", "dnc", None)
    assert await world.value("SELECT count(*) FROM suppression") == 1
    assert await world.value("SELECT count(*) FROM audit WHERE action = 'phone_suppressed'") == 1
    assert await world.value("SELECT status FROM lead") == "opted_out"


@pytest.mark.parametrize("heard", ["in a call", "asked"])
async def test_the_word_of_somebody_whom_a_list_had_already_is_in_the_audit_log(
    world: World, heard: str
) -> None:
    """RELIABILITY 5.1: it holds when the list is gone, so it has its line; said again it is nothing new."""
    armed = await world.an_armed_attempt()
    await world.run(
        "INSERT INTO suppression (account_id, phone, reason, source, created_at, listed)"
        " VALUES ($1, $2, 'bought', 'list', now(), true)",
        world.account_id, PHONE,
    )  # fmt: skip
    for _ in range(2):
        if heard == "asked":
            await world.opt_out()
        else:
            await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "completed", disposition="dnc"))

    entry = await world.value("SELECT suppression_id FROM suppression WHERE NOT listed")
    lines = await world.rows("SELECT object FROM audit WHERE action = 'phone_suppressed'")
    assert [line["object"] for line in lines] == [f"dnc_entry:{entry}"]
    assert await world.value("SELECT count(*) FROM news WHERE type = 'dnc.added'") == 0


async def test_what_is_said_in_a_call_stays_with_it_until_the_call_is_over(world: World) -> None:
    """API 7: its end, which may not say it again, keeps it; what comes after that is put right elsewhere."""
    armed = await world.an_armed_attempt()
    ledger = world.stores.ledger

    assert await said_in_call(ledger, armed.attempt_id, "dnc")
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "completed"))
    assert not await said_in_call(ledger, armed.attempt_id, "converted")

    assert await world.value("SELECT disposition FROM attempt") == "dnc"


async def test_one_person_who_said_stop_in_two_calls_is_heard_once(world: World) -> None:
    """I8: the news of both came together, after an outage; in the ledger there is one word of one person."""
    first = await world.an_armed_attempt()
    await world.settle(an_end(first.attempt_id, TUESDAY_2PM))
    world.pass_time(2 * MINUTE)
    [second] = (await world.arm([await world.claim_of(first.loop_id)])).armed
    await world.settle(an_end(second.attempt_id, world.now_ms))

    await world.settle(
        *(an_end(each.attempt_id, TUESDAY_2PM, "completed", disposition="dnc") for each in (first, second))
    )

    assert (await world.loop(first.loop_id))["end_reason"] == "dnc"
    entry = await world.value("SELECT suppression_id FROM suppression")
    assert await world.value("SELECT ids FROM news WHERE type = 'dnc.added'") == [entry]
    assert await world.value("SELECT count(*) FROM audit WHERE action = 'phone_suppressed'") == 1


async def test_a_callback_is_planned_at_the_instant_asked_for(world: World) -> None:
    """MISSION: callback requests are kept to the minute, in a class of their own."""
    armed = await world.an_armed_attempt()
    asked_ms = TUESDAY_2PM + 2 * HOUR

    settled = await world.settle(
        an_end(armed.attempt_id, TUESDAY_2PM, "answered", disposition="callback", callback_at_ms=asked_ms)
    )

    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["next_kind"]) == ("waiting_callback", "callback")
    assert to_ms(loop["next_at"]) == asked_ms
    lane = await world.row("SELECT class FROM lane WHERE lane_id = $1", settled.placings[0].lane_id)
    assert lane["class"] == "callback"


async def test_a_callback_that_was_not_sent_is_a_callback_again(world: World) -> None:
    """DESIGN 3: not_sent takes the loop back to what it was."""
    armed = await world.an_armed_attempt()
    await world.settle(
        an_end(
            armed.attempt_id, TUESDAY_2PM, "answered", disposition="callback",
            callback_at_ms=TUESDAY_2PM + HOUR,
        )
    )  # fmt: skip
    world.pass_time(HOUR)
    [again] = (await world.arm([await world.claim_of(armed.loop_id)])).armed

    await world.settle(Report(again.attempt_id, permit=again.permit, not_sent=True))

    loop = await world.loop(armed.loop_id)
    assert (loop["status"], to_ms(loop["next_at"])) == ("waiting_callback", TUESDAY_2PM + HOUR)
    assert loop["attempts"] == 1


async def test_not_sent_counts_for_nothing_and_waits_as_long_as_it_was_told(world: World) -> None:
    """DESIGN 3: consumes no attempt, no contact, no step."""
    armed = await world.an_armed_attempt()
    retry_ms = TUESDAY_2PM + 5 * MINUTE

    settled = await world.settle(
        Report(armed.attempt_id, permit=armed.permit, not_sent=True, error="no route", retry_at_ms=retry_ms)
    )

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["error"]) == ("not_sent", "no route")
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], to_ms(loop["next_at"]), loop["attempts"]) == ("scheduled", retry_ms, 0)
    assert await world.value("SELECT cardinality(contacts) FROM lead") == 0
    assert [placing.due_at_ms for placing in settled.placings] == [retry_ms]
    assert [end.loop_id for end in settled.ends] == [armed.loop_id]


async def test_another_permits_testimony_takes_nothing_back(world: World) -> None:
    """I5: a zombie may say not_sent of its own permit only."""
    armed = await world.an_armed_attempt()

    settled = await world.settle(Report(armed.attempt_id, permit=uuid4(), not_sent=True))

    assert (await world.attempts(armed.loop_id))[0]["state"] == "armed"
    assert settled.ends == []


async def test_what_was_not_sent_after_the_loop_ended_frees_its_slot_and_waits_nowhere(world: World) -> None:
    """I8 I12: an opt-out came between the arm and the gate."""
    armed = await world.an_armed_attempt()
    await world.opt_out()

    settled = await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))

    assert (await world.attempts(armed.loop_id))[0]["state"] == "not_sent"
    assert (await world.loop(armed.loop_id))["status"] == "ended"
    assert (settled.placings, [end.loop_id for end in settled.ends]) == ([], [armed.loop_id])


async def test_a_zombies_testimony_frees_what_was_called_unknown(world: World) -> None:
    """RELIABILITY 3.4 Z: unknown -> not_sent -> planned again, under the same number."""
    armed = await world.an_armed_attempt()
    await world.settle(Report(armed.attempt_id, state="unknown"))

    await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))

    assert (await world.attempts(armed.loop_id))[0]["state"] == "not_sent"
    assert (await world.loop(armed.loop_id))["status"] == "scheduled"


async def test_a_ring_is_believed_against_a_provider_that_denied_it(world: World) -> None:
    """I1: 'not dialled' and 'it rang' of one attempt in one group: it rang, and is not dialled again."""
    armed = await world.an_armed_attempt()

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, permit=armed.permit, not_sent=True))

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["outcome"]) == ("done", "not_reached")


async def test_an_opt_out_during_the_call_stays_in_force_when_it_ends(world: World) -> None:
    """I8: the outcome is kept, no attempt follows, the lead stays opted out."""
    armed = await world.an_armed_attempt()
    await world.opt_out()

    settled = await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))

    assert (await world.attempts(armed.loop_id))[0]["outcome"] == "not_reached"
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"], settled.placings) == ("ended", "dnc", [])
    assert await world.value("SELECT status FROM lead") == "opted_out"
    assert [end.loop_id for end in settled.ends] == [armed.loop_id]


async def test_two_processes_that_settle_the_same_end_write_it_once(open_world: OpenWorld) -> None:
    """I6 F28: both hold the event; one closes, the other finds it closed."""
    one, other = await open_world(), await open_world()
    numbers = [f"+12125550{n}" for n in range(150, 170)]
    armed = [await one.an_armed_attempt(number) for number in numbers]
    reports = [an_end(item.attempt_id, TUESDAY_2PM) for item in armed]

    results = await asyncio.gather(one.settle(*reports), other.settle(*reports[::-1]))

    assert sum(len(result.outcomes) for result in results) == 20
    assert (await one.books()).attempts == 20
    assert await one.value("SELECT max(attempts) FROM loop") == 1


async def test_news_of_attempts_that_nobody_knows_are_kept_and_change_nothing(world: World) -> None:
    """F21: a report about another installation's call."""
    settled = await settle(
        world.flow, world.stores.ledger, [an_end(999, TUESDAY_2PM)],
        [StoredEvent("e1", 999, "ended", TUESDAY_2PM)], provider="test", now_ms=world.now_ms,
    )  # fmt: skip

    assert (settled.ends, settled.placings) == ([], [])
    assert await world.value("SELECT count(*) FROM provider_event") == 1


async def test_a_settle_under_newer_settings_plans_by_them(world: World) -> None:
    """I10: settings changed during the call; the next attempt obeys them already."""
    armed = await world.an_armed_attempt()
    await world.next_version('auto_dialer = \'{"strategy": "followup", "max_attempts": 1}\'')

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))

    assert (await world.loop(armed.loop_id))["end_reason"] == "max_attempts"
    assert await world.value("SELECT status FROM lead") == "exhausted"


async def test_contacts_older_than_the_caps_need_do_not_pile_up(world: World) -> None:
    """I11: enough is kept for every cap, and no more."""
    armed = await world.an_armed_attempt()
    earlier = [to_datetime(TUESDAY_2PM - days * DAY) for days in range(100, 60, -1)]
    await world.run("UPDATE lead SET contacts = $1", earlier)

    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM))

    contacts = await world.value("SELECT contacts FROM lead")
    assert len(contacts) <= 32
    assert to_ms(contacts[-1]) == TUESDAY_2PM


async def test_the_reason_why_is_written_with_the_plan(world: World) -> None:
    """MISSION: each plan says why then."""
    armed = await world.an_armed_attempt()
    await world.settle(an_end(armed.attempt_id, TUESDAY_2PM, "voicemail"))

    why = msgspec.json.decode((await world.loop(armed.loop_id))["why"])

    assert why[0]["rule"] == "strategy"


async def test_a_carrier_that_blocks_twice_ends_the_loop_as_an_invalid_number(world: World) -> None:
    """D32: one block is tried again; the second, not even in a row, is permanent."""
    armed = await world.an_armed_attempt()
    for outcome in ("number_blocked", "not_reached", "number_blocked"):
        await world.settle(an_end(armed.attempt_id, world.now_ms, outcome=outcome))
        loop = await world.loop(armed.loop_id)
        if loop["next_at"] is not None:
            world.pass_time(to_ms(loop["next_at"]) - world.now_ms)
            [armed] = (await world.arm([await world.claim_of(armed.loop_id)])).armed

    assert (loop["end_reason"], loop["attempts"]) == ("invalid_number", 3)


async def test_two_settles_that_wait_for_one_lead_count_its_end_once(open_world: OpenWorld) -> None:
    """I5 I11: each reads what it closes after it has the lead, so the second finds it closed."""
    one, other = await open_world(), await open_world()
    armed = await one.an_armed_attempt()
    async with one.stores.database.transaction() as on:
        await on.execute("SELECT FROM lead FOR NO KEY UPDATE")
        end = an_end(armed.attempt_id, one.now_ms)
        settling = [asyncio.create_task(world.settle(end)) for world in (one, other)]
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while await one.value(waiting) < 2:
            assert not any(task.done() for task in settling)

    ends = [settled.outcomes for settled in await asyncio.gather(*settling)]

    assert sorted(ends) == [[], ["not_reached"]]
    lead = await one.row("SELECT attempts_count, cardinality(contacts) AS contacts FROM lead")
    assert (lead["attempts_count"], lead["contacts"]) == (1, 1)


async def test_what_was_never_sent_is_not_armed_by_who_found_it_at_its_old_instant(world: World) -> None:
    """I12: a zombie's slots are freed after its commit; a call that began in between would lose them."""
    armed = await world.an_armed_attempt()
    found = msgspec.structs.replace(armed.claim, claim_id="another")
    world.pass_time(SECOND)
    settled = await world.settle(Report(armed.attempt_id, permit=armed.permit, not_sent=True))

    assert (await world.arm([found])).reasons == {"stale": 1}
    [placing] = settled.placings
    again = msgspec.structs.replace(armed.claim, claim_id="third", due_at_ms=placing.due_at_ms)
    assert len((await world.arm([again])).armed) == 1
