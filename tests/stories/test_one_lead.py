"""One lead from enrolment to its end, every layer real, on a clock that is moved."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from scheduler.domain.model import Priority
from scheduler.domain.time import DAY, HOUR, SECOND
from scheduler.ledger.instants import to_ms
from tests.builders import EVERYBODY_TALKS, NOBODY_ANSWERS, PHONE, TUESDAY_2PM, World
from tests.worlds import OpenWorld

NEW_YORK = ZoneInfo("America/New_York")
SEVEN_ATTEMPTS = ["Tue 14", "Tue 14", "Tue 17", "Thu 09", "Fri 17", "Mon 09", "Tue 12"]
"""Day and hour in New York: two days after Tuesday at two the morning has not been tried, then the evening,
four days after lies a Saturday and moves to Monday, six days after noon's turn has come."""


def day_and_hour(at: datetime) -> str:
    return at.astimezone(NEW_YORK).strftime("%a %H")


async def play(world: World) -> bool:
    async def on_step() -> None: ...

    return await world.stepper().play(asyncio.Event(), on_step)


async def test_a_live_lead_is_dialled_at_once_and_reached(open_world: OpenWorld) -> None:
    """MISSION: live leads first; enrolled, placed, claimed, armed, dialled and reached in its first call."""
    world = await open_world(model=EVERYBODY_TALKS)
    [enrolled] = await world.enrol([PHONE], priority=Priority.LIVE)
    assert enrolled.loop_id is not None

    assert await play(world)

    [attempt] = await world.attempts(enrolled.loop_id)
    assert to_ms(attempt["dispatched_at"]) == TUESDAY_2PM
    assert (attempt["outcome"], attempt["disposition"]) == ("completed", "converted")
    assert attempt["talk_s"] > 0
    assert attempt["ended_at"] > attempt["answered_at"] > attempt["dispatched_at"]
    loop = await world.loop(enrolled.loop_id)
    assert (loop["status"], loop["end_reason"], loop["attempts"]) == ("ended", "converted", 1)
    assert await world.value("SELECT status FROM lead") == "converted"
    [ring] = world.provider.rings
    assert (ring.phone, ring.attempt) == (PHONE, 1)
    assert await world.value("SELECT array_agg(kind ORDER BY at) FROM provider_event") == [
        "ringing",
        "answered",
        "ended",
    ]
    books = await world.books()
    assert (books.ended, books.waiting, books.in_flight) == ({"converted": 1}, 0, 0)
    assert (await world.calls_on_wheel(), await world.waiting_on_wheel()) == (0, 0)


async def test_a_follow_up_makes_its_seven_attempts_at_the_planned_local_times(open_world: OpenWorld) -> None:
    """MISSION: preset P. First at once, again after 30 to 90 s, then 3 h, 26 h, 2, 4 and 6 days after the
    first call, in changing parts of the day, Monday to Friday from nine to six where the lead is."""
    world = await open_world(model=NOBODY_ANSWERS)
    [enrolled] = await world.enrol([PHONE], priority=Priority.LIVE)
    assert enrolled.loop_id is not None

    assert await play(world)

    attempts = await world.attempts(enrolled.loop_id)
    assert [attempt["n"] for attempt in attempts] == [1, 2, 3, 4, 5, 6, 7]
    assert [attempt["kind"] for attempt in attempts] == ["first", "immediate_callback", *["cadence"] * 5]
    due_ms = [to_ms(attempt["due_at"]) for attempt in attempts]
    again_ms = due_ms[1] - to_ms(attempts[0]["ended_at"])
    assert 30 * SECOND <= again_ms <= 90 * SECOND
    offsets = [at - TUESDAY_2PM for at in due_ms[2:]]
    wishes = [3 * HOUR, 26 * HOUR, 2 * DAY, 4 * DAY, 6 * DAY]
    assert all(wish <= offset for wish, offset in zip(wishes, offsets, strict=True))
    assert [day_and_hour(attempt["due_at"]) for attempt in attempts] == SEVEN_ATTEMPTS
    assert all(0 <= to_ms(a["dispatched_at"]) - to_ms(a["due_at"]) <= 15 * SECOND for a in attempts)
    assert (await world.loop(enrolled.loop_id))["end_reason"] == "max_attempts"
    assert await world.value("SELECT status FROM lead") == "exhausted"
    assert len(list(world.provider.rings)) == 7
    assert (await world.verdict()).clean
